import { decimalOf } from '../../protocols/index.ts'
import { type Column, type Raw, type Reading, seriesOf, shapeOf, type TerminalEvent } from '../core/index.ts'

/** Who an event is about: a meter of the ledger, or the terminal itself under its own id. */
export interface EventOwner {
  readonly meter: string
  readonly point: string
  readonly area: string
}

const ACTIVE: Column = { field: 'active', obis: null, unit: '', scaler: 0, integer: true }
const figure = (field: string, unit: Column['unit'] = ''): Column => ({ field, obis: null, unit, scaler: null })
/** Figures of one record; what has more is looked up in its raw bytes. */
const MOST_FIGURES = 16
const FIELD = /^[a-z][a-z0-9_]{0,39}$/

/**
 * What detectors and people call the event; others keep the code of the protocol.
 *
 * @source Q/GDW 1376.1-2013, Annex C (ERC codes); DL/T 698.45-2017, Annex A.5 (event objects 30xx)
 */
const WORDS: Readonly<Record<string, string>> = {
  'erc-8': 'programming',
  'erc-11': 'voltage_reversed_sequence',
  'oad-3000': 'voltage_loss',
  'oad-3001': 'undervoltage',
  'oad-3002': 'overvoltage',
  'oad-3003': 'phase_failure',
  'oad-3004': 'current_loss',
  'oad-3005': 'overcurrent',
  'oad-3006': 'current_interrupted',
  'oad-3007': 'power_reversed',
  'oad-3008': 'overload',
  'oad-300c': 'low_power_factor',
  'oad-3011': 'power_off',
  'oad-300f': 'voltage_reversed_sequence',
  'oad-3010': 'current_reversed_sequence',
  'oad-3012': 'programming',
  'oad-3013': 'register_clear',
  'oad-3014': 'demand_clear',
  'oad-3015': 'event_clear',
  'oad-3016': 'clock_set',
  'oad-301b': 'cover_open',
  'oad-301c': 'terminal_cover_open',
  'oad-301d': 'voltage_unbalance',
  'oad-301e': 'current_unbalance',
  'oad-301f': 'relay_open',
  'oad-3020': 'relay_close',
  'oad-302a': 'magnetic_field',
}

/** Both ends of what detectors look for by two words. */
const ENDED: Readonly<Record<string, string>> = { power_off: 'power_on' }

/** The code under which an event of a terminal is stored. */
export const terminalEventWord = ({ code, edge }: Pick<TerminalEvent, 'code' | 'edge'>): string => {
  const word = WORDS[code] ?? WORDS[code.slice(0, 'oad-0000'.length)] ?? code
  return edge === 'end' ? (ENDED[word] ?? word) : word
}

/**
 * An event (事件) a terminal told as a reading: `active` 1 = it began or happened, 0 = it ended; the numbers of its record beside it.
 *
 * @param at  instant of its row
 */
export const terminalEventReading = (
  owner: EventOwner,
  event: TerminalEvent,
  at: number,
  lastedMs: number | null,
  receivedAt: number,
  quality: number,
): Reading => {
  const columns: Column[] = [ACTIVE]
  const raws: Raw[] = [event.edge === 'end' ? 0 : 1]
  const scalers: number[] = [0]
  const add = (column: Column, text: string): void => {
    const value = decimalOf(text)
    if (!value) return
    columns.push(column)
    raws.push(value.raw)
    scalers.push(value.scaler)
  }
  if (lastedMs !== null) add(figure('lasted', 's'), String(lastedMs / 1000))
  for (const [name, value] of Object.entries(event.facts)) {
    const field = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase()
    if (typeof value !== 'number' || !Number.isFinite(value) || !FIELD.test(field) || field === 'active' || field === 'lasted') continue
    if (columns.length < MOST_FIGURES) add(figure(field), String(value))
  }
  const series = seriesOf('event', { ...owner, code: terminalEventWord(event) })
  const isPlain = columns.length === 1
  return {
    ...{ series, shape: shapeOf(columns), raws, scalers: isPlain ? null : scalers, absent: null, ratio: '1' },
    ...{ measuredAt: at, receivedAt, quality },
  }
}
