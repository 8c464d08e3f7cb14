/** The version that every process tells. */
export const VERSION = '0.2.0';
