/** Our own programs as other processes run them: TypeScript through tsx from the source, JavaScript from a build. */
import { IS_BUILT } from '../base/program.ts';

/** Flags of Node that let a process load our code. */
export function loaderFlags(): string[] {
  return IS_BUILT ? [] : [`--import=${import.meta.resolve('tsx')}`];
}

/** The path or URL of a file of ours as it is here, from that of the source. */
export function ownFile(source: string): string {
  return IS_BUILT ? source.replace(/\.ts$/, '.js') : source;
}
