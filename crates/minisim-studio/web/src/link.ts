// The spec in the address bar: deflated JSON in base64, after the #.

import type { Dict } from "./types";

async function through(bytes: Uint8Array, stream: GenericTransformStream): Promise<Uint8Array> {
  const piped = new Blob([bytes as BlobPart]).stream().pipeThrough(stream as ReadableWritablePair<Uint8Array, Uint8Array>);
  return new Uint8Array(await new Response(piped).arrayBuffer());
}

export async function toLink(spec: Dict): Promise<string> {
  const bytes = await through(new TextEncoder().encode(JSON.stringify(spec)), new CompressionStream("deflate-raw"));
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return "#spec=" + btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** The spec of an address; undefined if there is none, or none that can be read. */
export async function fromLink(hash: string): Promise<Dict | undefined> {
  const coded = /^#spec=([\w-]+)$/.exec(hash)?.[1];
  if (!coded) return undefined;
  try {
    const text = atob(coded.replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(await through(bytes, new DecompressionStream("deflate-raw"))));
  } catch {
    return undefined;
  }
}
