/** How people start our programs: npm's scripts in a clone, one command in an installed package. */

/** Whether this is the JavaScript of a build; else it is the source. */
export const IS_BUILT = !import.meta.url.endsWith('.ts');

/** The command of a program such as `start` or `import`, as it is typed before its arguments. */
export function commandOf(program: string): string {
  if (IS_BUILT) return `kamaitachi ${program}`;
  return program === 'start' ? 'npm start --' : `npm run ${program} --`;
}
