import { decimalText } from '../../src/core/decimal.ts'
import { ok } from '../../src/core/result.ts'
import type { TerminalItem, TerminalQuestion, TerminalTalk } from '../../src/core/terminal.ts'
import { getOne, proxyGet, resultValue } from './ask.ts'
import { type Datum, integerOf, jsonText } from './datum.ts'
import { type Out, putDatum } from './encode.ts'
import { fail } from './errors.ts'
import type { Peer } from './exchange.ts'
import type { Frame } from './frame.ts'
import { objectOf, scaleOf } from './objects.ts'

type Fact = TerminalItem['facts'][number]

const SECONDS = 60
const MOST_FACTS = 5000

/** A value flat: every number and text with its place. Secrets of the archive are left out. */
const factsOf = (datum: Datum, name: string, scaler: number, unit: string, facts: Fact[]): void => {
  if (facts.length >= MOST_FACTS) return
  if (datum.t === 'array' || datum.t === 'structure') {
    const isBasic = datum.v[0]?.t === 'TSA' && datum.v[3]?.t === 'OAD'
    for (const [at, one] of datum.v.entries())
      if (!isBasic || at !== 4) factsOf(one, name === '' ? `${at + 1}` : `${name}.${at + 1}`, scaler, unit, facts)
    return
  }
  const integer = integerOf(datum)
  const place = name === '' ? 'value' : name
  if (integer !== null) facts.push({ name: place, value: decimalText(integer, datum.t === 'enum' ? 0 : scaler), unit })
  else if (datum.t === 'null') facts.push({ name: place, value: null, unit: '' })
  else facts.push({ name: place, value: typeof datum.v === 'object' ? jsonText(datum.v) : String(datum.v), unit: '' })
}

/** Reads one object of the terminal, or of a meter behind it, as an engineer asks for it. */
export const query = function* (peer: Peer, { item, meter }: TerminalQuestion): TerminalTalk<readonly TerminalItem[], Frame> {
  const oad = item.replaceAll(' ', '').toUpperCase()
  if (!/^[0-9A-F]{8}$/.test(oad)) return fail('DLT698_COMMAND', `"${item}" is no OAD: eight hexadecimal digits, as 00100200`)
  const isOwn = meter === null || meter.address === peer.terminal
  let datum: Datum
  if (isOwn) {
    const got = yield* getOne(peer, oad)
    if (!got.ok) return got
    datum = got.value
  } else {
    const got = yield* proxyGet(peer, [meter.address], [oad], SECONDS)
    if (!got.ok) return got
    const value = resultValue(got.value.get(meter.address)?.[0], oad)
    if (!value.ok) return value
    datum = value.value
  }
  const object = objectOf(oad)
  const scale = scaleOf(oad)
  const facts: Fact[] = []
  factsOf(datum, '', scale?.scaler ?? 0, scale?.unit ?? '', facts)
  const raw: Out = []
  putDatum(raw, datum)
  return ok([
    {
      item: oad,
      label: object ? { en: object.en, zh: object.zh } : null,
      meter: meter ? { address: meter.address } : null,
      facts,
      raw: oad.startsWith('6000') ? new Uint8Array(0) : Uint8Array.from(raw),
    },
  ])
}
