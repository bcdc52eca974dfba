import { Type } from 'typebox'
import { MEASUREMENTS, parseObis, SOURCES } from '../../core/index.ts'
import { repeated } from './define.ts'

/** Members that several questions have. */
export const TIME = {
  from: Type.String({
    format: 'date-time',
    description: 'From this instant on. In an address write + as %2B.',
    examples: ['2026-11-01T00:00:00+08:00'],
  }),
  to: Type.String({ format: 'date-time', description: 'Until before this instant.', examples: ['2026-12-01T00:00:00+08:00'] }),
}
export const PLACE = {
  point: Type.Optional(Type.Unsafe<string | readonly string[]>(repeated('Metering point.', 500, 'P-12'))),
  area: Type.Optional(Type.Unsafe<string | readonly string[]>(repeated('All points of this area.', 200, 'A-07'))),
  zone: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'All points of the areas of this zone.', examples: ['Z-1'] }),
  ),
}
export const REGISTERS = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 4000,
    description: 'Codes of registers, full or short, with commas between; all if not given.',
    examples: ['1.8.0,2.8.0'],
  }),
)
export const SOURCE = Type.Optional(
  Type.Unsafe<string | readonly string[]>({
    anyOf: [
      { type: 'string', enum: [...SOURCES] },
      { type: 'array', items: { type: 'string', enum: [...SOURCES] }, maxItems: SOURCES.length },
    ],
    description: 'Only what came this way. May be repeated.',
    examples: ['curve'],
  }),
)
export const STORED = MEASUREMENTS.filter((one) => one === 'register' || one === 'instant' || one === 'event')

/** `import` or `export` of a quantity that has a direction; empty where it has none. */
export const directionOf = (obis: string): string => {
  const c = parseObis(obis)?.c ?? 0
  const kind = c > 20 && c <= 80 ? c % 20 : c
  return DIRECTIONS[kind] ?? ''
}
const DIRECTIONS: Readonly<Record<number, string>> = { 1: 'import', 2: 'export', 3: 'import', 4: 'export', 9: 'import', 10: 'export' }
