const names: readonly (readonly [RegExp, string])[] = [
  [/^(avc[13]|h\.?264)/i, 'H.264'],
  [/^(hvc1|hev1|h\.?265)/i, 'H.265'],
  [/^(av01|av1)/i, 'AV1'],
  [/^(vp09|vp9)/i, 'VP9'],
  [/^(mp4a|aac)/i, 'AAC'],
  [/^opus/i, 'Opus'],
]

/** What people call a codec that files call "avc1.42c01f"; an unknown one keeps its name. */
export function codecName(codec: string): string {
  return names.find(([pattern]) => pattern.test(codec))?.[1] ?? codec
}
