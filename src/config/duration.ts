export type Period = { readonly unit: 'ms'; readonly ms: number } | { readonly unit: 'day' | 'month'; readonly count: 1 }

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `15m` in milliseconds. The text has passed the schema. */
export const durationMs = (text: string): number => {
  const [, count = '0', unit = 'ms'] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []
  return Number(count) * (UNIT_MS[unit] ?? 1)
}

export const periodOf = (text: string): Period =>
  text === '1d' ? { unit: 'day', count: 1 } : text === '1mo' ? { unit: 'month', count: 1 } : { unit: 'ms', ms: durationMs(text) }
