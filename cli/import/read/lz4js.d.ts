declare module 'lz4js' {
  export function decompressBound(source: Uint8Array): number;
  export function decompressFrame(source: Uint8Array, target: Uint8Array): number;
}
