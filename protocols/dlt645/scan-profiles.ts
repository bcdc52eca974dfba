import { decimalText, type Profile, type ScanFigure, type ScanProof, type ScanStrategy } from '../../src/core/index.ts'
import { asciiText, digitsText } from './bcd.ts'
import { CONTROL, diText, type Variant } from './frame.ts'
import { type Field, fieldOf, profileOf, readValue } from './profile.ts'
import { hear, readItemQuestion } from './scan.ts'

const TELLING = /^1-0:(?:14|32|52|72|31|51|71|16|36|56|76|13|33|53|73)\.7\.0$|^1-0:[12]\.8\.0$/

/** Items learnt of one meter: identifier → data behind it, null where it was refused or kept silent about. */
export interface ItemMemory {
  readonly variant: Variant
  readonly address: string
  readonly items: Map<string, Uint8Array | null>
  readonly proofs: ScanProof[]
  silences: number
}

export const itemMemory = (variant: Variant, address: string): ItemMemory => ({
  variant,
  address,
  items: new Map(),
  proofs: [],
  silences: 0,
})

/** Silent items after which nothing unknown is asked any more. */
const MOST_SILENCES = 6

/** Reads one item unless it is known. */
export function* fetchItem(memory: ItemMemory, di: string): ScanStrategy<Uint8Array | null> {
  const known = memory.items.get(di)
  if (known !== undefined || memory.silences >= MOST_SILENCES) return known ?? null
  const size = di.length / 2
  for (let attempt = 0; attempt < 2; attempt++) {
    const question = readItemQuestion(memory.variant, memory.address, di)
    const rx = yield question
    const frame = hear(rx).frames.find(({ address }) => address === memory.address)
    if (!frame) continue
    const isAnswer = (frame.control & CONTROL.abnormal) === 0 && frame.data.length > size && diText(frame.data, size) === di
    const data = isAnswer ? frame.data.subarray(size) : null
    memory.items.set(di, data)
    if (data) memory.proofs.push({ what: `item ${di}`, tx: question.bytes, rx, says: `${di} = ${digitsText(data, 0, data.length)}` })
    return data
  }
  memory.silences++
  memory.items.set(di, null)
  return null
}

export interface Dlt645Fit {
  readonly figures: readonly ScanFigure[]
  readonly answered: number
  readonly refused: number
}

const figureOf = ({ line, offset, bytes, ...rest }: Field, data: Uint8Array): ScanFigure => {
  const raw = readValue({ line, offset, bytes, ...rest }, data)
  const none = { obis: line.obis, unit: line.unit, place: line.di, value: null, text: '', resolution: 10 ** line.scaler }
  return Number.isNaN(raw) ? none : { ...none, value: { raw, scaler: line.scaler }, text: decimalText(raw, line.scaler) }
}

/** Tries one profile on one meter: every item it is recognised by. @returns null when the profile is of another edition */
export function* fitDlt645(memory: ItemMemory, profile: Profile): ScanStrategy<Dlt645Fit | null> {
  const loaded = profileOf(profile)
  if (!loaded.ok || loaded.value.protocol !== `dlt645-${memory.variant}`) return null
  const figures: ScanFigure[] = []
  let refused = 0
  for (const line of loaded.value.registers) {
    const field = TELLING.test(line.obis) ? fieldOf(memory.variant, line) : null
    if (!field?.ok) continue
    const data = yield* fetchItem(memory, line.di)
    if (data) figures.push(figureOf(field.value, data))
    else refused++
  }
  return { figures, answered: figures.length, refused }
}

/** Energy and power once more, for growth. */
export function* rereadDlt645(memory: ItemMemory, profile: Profile): ScanStrategy<readonly ScanFigure[]> {
  const loaded = profileOf(profile)
  if (!loaded.ok) return []
  const figures: ScanFigure[] = []
  for (const line of loaded.value.registers) {
    if (!/^1-0:(?:[12]\.8\.0|16\.7\.0)$/.test(line.obis)) continue
    const field = fieldOf(memory.variant, line)
    if (!field.ok || !memory.items.get(line.di)) continue
    memory.items.delete(line.di)
    memory.silences = 0
    const data = yield* fetchItem(memory, line.di)
    if (data) figures.push(figureOf(field.value, data))
  }
  return figures
}

/** Meter number (表号), and what the maker says of hardware and software, where the meter gives them. */
export function* identify(memory: ItemMemory): ScanStrategy<Readonly<Record<string, string>>> {
  if (memory.variant === '1997') {
    const number = yield* fetchItem(memory, 'C032')
    return number ? { 'meter number': digitsText(number, 0, number.length) } : {}
  }
  const said: Record<string, string> = {}
  const number = yield* fetchItem(memory, '04000402')
  if (number) said['meter number'] = digitsText(number, 0, number.length)
  for (const [di, name] of [
    ['04800001', 'software'],
    ['04800003', 'factory code'],
  ] as const) {
    const text = yield* fetchItem(memory, di)
    if (text) said[name] = asciiText(text, 0, text.length)
  }
  return said
}
