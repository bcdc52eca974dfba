/** OBIS code (对象标识) of a quantity: `A-B:C.D.E`, medium 1 = electricity. @source IEC 62056-61 */
export type Obis = string

export interface ObisParts {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  readonly e: number
}

const FORM = /^(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

/**
 * Takes an OBIS code apart; the short form `1.8.0` means `1-0:1.8.0`.
 *
 * @returns  null when the text is no OBIS code or a group exceeds 255
 */
export const parseObis = (text: string): ObisParts | null => {
  const match = FORM.exec(/^\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(text) ? `1-0:${text}` : text)
  if (!match) return null
  const [a, b, c, d, e] = match.slice(1).map(Number) as [number, number, number, number, number]
  return [a, b, c, d, e].some((group) => group > 255) ? null : { a, b, c, d, e }
}

/** Full form of a code given in full or short form. */
export const fullObis = (text: string): Obis | null => {
  const parts = parseObis(text)
  return parts && `${parts.a}-${parts.b}:${parts.c}.${parts.d}.${parts.e}`
}

/** Name of the stored field: `1.8.0` for electricity channel 0, the whole code elsewhere. A public interface, see docs/decisions. */
export const fieldOf = (obis: Obis): string => (obis.startsWith('1-0:') ? obis.slice(4) : obis)

/** The measurement a code belongs to: registers and demand (D = 6, 8, 9) are as displayed, everything else is instantaneous. */
export const measurementOf = (obis: Obis): 'register' | 'instant' => {
  const d = parseObis(obis)?.d
  return d === 8 || d === 9 || d === 6 || d === 2 ? 'register' : 'instant'
}

const PHASES = ['', ' L1', ' L2', ' L3'] as const
const PHASES_ZH = ['', 'A相', 'B相', 'C相'] as const

const QUANTITIES: Readonly<Record<number, readonly [en: string, zh: string]>> = {
  1: ['active import', '正向有功'],
  2: ['active export', '反向有功'],
  3: ['reactive import', '正向无功'],
  4: ['reactive export', '反向无功'],
  5: ['reactive quadrant I', '第一象限无功'],
  6: ['reactive quadrant II', '第二象限无功'],
  7: ['reactive quadrant III', '第三象限无功'],
  8: ['reactive quadrant IV', '第四象限无功'],
  9: ['apparent import', '正向视在'],
  10: ['apparent export', '反向视在'],
  11: ['current', '电流'],
  12: ['voltage', '电压'],
  13: ['power factor', '功率因数'],
  14: ['frequency', '频率'],
  15: ['active import plus export', '有功绝对值之和'],
  16: ['active net', '组合有功'],
}

/** What a code means, in English and Chinese; the code itself where the house has no word for it. */
export const nameOfObis = (obis: Obis): { readonly en: string; readonly zh: string } => {
  const parts = parseObis(obis)
  if (!parts) return { en: obis, zh: obis }
  const { c, d, e } = parts
  const special: Readonly<Record<number, readonly [string, string]>> = {
    91: ['neutral current', '零线电流'],
    131: ['reactive net', '总无功'],
    151: ['reactive net L1', 'A相无功'],
    171: ['reactive net L2', 'B相无功'],
    191: ['reactive net L3', 'C相无功'],
    81: ['phase angle', '相角'],
  }
  const phase = c > 20 && c <= 80 ? Math.floor((c - 1) / 20) : 0
  const quantity = special[c] ?? QUANTITIES[c > 20 && c <= 80 ? c - phase * 20 : c]
  if (!quantity) return { en: obis, zh: obis }
  const [kind, kindZh] =
    d === 8
      ? [' energy', '电能']
      : d === 6
        ? [' maximum demand', '最大需量']
        : d === 7 && [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16].includes(c > 20 ? c - phase * 20 : c)
          ? [' power', '功率']
          : ['', '']
  const tariff = (d === 8 || d === 6) && e > 0 ? [` tariff ${e}`, `费率${e}`] : ['', '']
  return { en: `${quantity[0]}${PHASES[phase]}${kind}${tariff[0]}`, zh: `${PHASES_ZH[phase]}${quantity[1]}${kindZh}${tariff[1]}` }
}
