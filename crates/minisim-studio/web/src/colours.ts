// Colour maps: 256 packed RGBA entries each, little-endian.

type Stop = [number, number, number];

function ramp(stops: Stop[]): Uint32Array {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (stops.length - 1);
    const k = Math.min(Math.floor(at), stops.length - 2);
    const [a, b] = [stops[k]!, stops[k + 1]!];
    const channel = (c: number) => Math.round(a[c]! + (b[c]! - a[c]!) * (at - k));
    table[i] = (255 << 24) | (channel(2) << 16) | (channel(1) << 8) | channel(0);
  }
  return table;
}

export const COLOUR_MAPS: Record<string, Uint32Array> = {
  GCaMP: ramp([[2, 6, 4], [6, 48, 28], [18, 116, 62], [66, 196, 104], [176, 244, 176], [250, 255, 246]]),
  grey: ramp([[0, 0, 0], [255, 255, 255]]),
  viridis: ramp([[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]]),
};

const DEPTH = ramp([[255, 214, 102], [255, 138, 101], [224, 82, 140], [138, 84, 214], [72, 120, 230], [64, 190, 230]]);

/** Colour of a depth between the shallowest and the deepest cell. */
export function depthColour(depth: number, low: number, high: number): string {
  const t = high > low ? (depth - low) / (high - low) : 0.5;
  const c = DEPTH[Math.round(Math.min(Math.max(t, 0), 1) * 255)]!;
  return `rgb(${c & 255} ${(c >> 8) & 255} ${(c >> 16) & 255})`;
}

/** Colour of a cell's largest transient over the noise that the best method leaves on its trace, on a logarithmic scale. */
export function snrColour(snr: number): string {
  const c = COLOUR_MAPS.viridis![Math.round((255 * Math.log1p(Math.min(Math.max(snr, 0), SNR_BRIGHTEST))) / Math.log1p(SNR_BRIGHTEST))]!;
  return `rgb(${c & 255} ${(c >> 8) & 255} ${(c >> 16) & 255})`;
}
/** From here on all are of the brightest colour. */
export const SNR_BRIGHTEST = 30;
