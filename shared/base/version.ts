/** The version that every process tells. */
export const VERSION = '0.1.0';
