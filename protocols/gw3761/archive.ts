import { err, type GatewayError, ok, type Result } from '../../src/core/result.ts'
import type { ArchiveRecord } from '../../src/core/terminal.ts'
import {
  archiveAsk,
  differences,
  emptyRecord,
  isEmptyRecord,
  MAX_NUMBER,
  RECORD_SIZE,
  recordsContent,
  recordsOfUnit,
  valuesOfRecord,
} from './archive-record.ts'
import { AFN, ask, command, type Manner, type Talk, type Used, verdictOf } from './ask.ts'
import { type Values, writeContent } from './content-write.ts'
import { ANSWER_OVERHEAD, concat, unitsOf } from './gather.ts'
import { writeIdentifier } from './identifiers.ts'
import { refusal, refuse } from './talk-errors.ts'

/** Records asked for at once: their answer is 570 bytes. */
const ASKED = 20
/** Records written at once: what masters send. */
const WRITTEN = 10
/** Numbers in a row without a record, after which there are no more. */
const MOST_EMPTY = 256
/** The same for a terminal that denies whole requests: it is asked number by number. */
const MOST_DENIED = 32

interface Answer {
  readonly records: readonly ArchiveRecord[]
  readonly isDenied: boolean
  readonly failure: GatewayError | null
}

/** Asks for the records of some numbers, once. Empty ones are left out of what it gives. */
function* askRecords(manner: Manner, numbers: readonly number[], used: Used): Talk<Answer> {
  const data = concat([writeIdentifier(0, 10), writeContent(archiveAsk(), { count: numbers.length, sequence_numbers: numbers })])
  const heard = yield* ask(manner, { afn: AFN.query, data, about: ({ pn, fn }) => pn === 0 && fn === 10, reach: 'terminal' }, used)
  if (!heard.ok) return heard
  const { frames, failure } = heard.value
  const wanted = new Set(numbers)
  const records = unitsOf(frames.filter(({ afn }) => afn === AFN.query))
    .filter(({ unit }) => unit.fn === 10)
    .flatMap(recordsOfUnit)
    .filter(({ number }) => wanted.has(number))
  return ok({ records, isDenied: frames.some((frame) => verdictOf(frame) !== null), failure })
}

/**
 * Records of the meter archive (电能表配置, AFN 0A F10). Terminals give fewer than they are asked for, leave out numbers without a record,
 * fill them, or deny the whole request for the sake of one of them.
 *
 * @param numbers  only these; absent = all, as far as they go: after 256 numbers without a record there is none
 * @errors         why nothing was heard
 */
export function* readArchive(manner: Manner, numbers?: readonly number[]): Talk<readonly ArchiveRecord[]> {
  const found = new Map<number, ArchiveRecord>()
  const wanted = numbers ? [...new Set(numbers)].sort((a, b) => a - b) : Array.from({ length: MAX_NUMBER }, (_, at) => at + 1)
  const used: Used = new Set()
  let size = ASKED
  let empty = 0
  for (let at = 0; at < wanted.length; ) {
    const batch = wanted.slice(at, at + size)
    const answer = yield* askRecords(manner, batch, used)
    if (!answer.ok) return answer
    const { records, isDenied, failure } = answer.value
    if (failure && records.length === 0) return err(failure)
    for (const record of records) if (!isEmptyRecord(record)) found.set(record.number, record)
    const last = records.at(-1)
    if (last) {
      empty = records.every(isEmptyRecord) ? empty + batch.length : 0
      size = Math.min(ASKED, size * 2)
      // It may have stopped in the middle: go on behind the last one it gave.
      at = wanted.indexOf(Math.max(...records.map(({ number }) => number)), at) + 1
    } else if (isDenied && batch.length > 1) {
      size = Math.ceil(batch.length / 2)
      continue
    } else {
      empty += batch.length
      at += batch.length
      if (!numbers && empty >= MOST_DENIED && isDenied) break
    }
    if (!numbers && empty >= MOST_EMPTY) break
  }
  return ok([...found.values()].sort((a, b) => a.number - b.number))
}

/** What became of the records of a write. */
interface Fate {
  readonly record: ArchiveRecord
  error: GatewayError | null
}

/** Sends records; a denied lot is sent again by halves, so that only the one it is about is denied. What was not answered is not repeated. */
function* send(manner: Manner, all: readonly { readonly fate: Fate; readonly values: Values }[], most: number): Talk<null> {
  const queue: (typeof all)[] = []
  for (let at = 0; at < all.length; at += most) queue.push(all.slice(at, at + most))
  for (let lot = queue.shift(); lot; lot = queue.shift()) {
    const data = concat([writeIdentifier(0, 10), recordsContent(lot.map(({ values }) => values))])
    const sent = yield* command(manner, { afn: AFN.set, data, reach: 'terminal' }, 'to set its archive (04 F10)')
    const denial = sent.ok ? sent.value[0] : undefined
    const isDenied = denial !== undefined || (!sent.ok && sent.error.code === 'GW3761_DENIED')
    if (sent.ok && !isDenied) continue
    if (isDenied && lot.length > 1) {
      queue.unshift(lot.slice(0, lot.length >> 1), lot.slice(lot.length >> 1))
      continue
    }
    const error = sent.ok
      ? refusal('GW3761_DENIED', `${manner.terminal} denies archive record ${lot[0]?.fate.record.number} with ERR ${denial?.error}`, {
          terminal: manner.terminal,
          err: denial?.error ?? 0,
        })
      : sent.error
    for (const { fate } of lot) fate.error = error
    if (!isDenied) {
      // Nobody knows what became of it; what follows is not sent into the same silence.
      for (const rest of queue) for (const { fate } of rest) fate.error = error
      return ok(null)
    }
  }
  return ok(null)
}

/**
 * Writes records into the archive (档案下发, AFN 04 F10), about ten a frame, and reads them back.
 *
 * @returns  one result a record, in their order: written and read back, or why not
 */
export function* writeArchive(manner: Manner, records: readonly ArchiveRecord[], frameLimit: number): Talk<readonly Result<null>[]> {
  const fates: Fate[] = records.map((record) => ({ record, error: null }))
  const lots: { fate: Fate; values: Values }[] = []
  for (const fate of fates) {
    const values = valuesOfRecord(fate.record)
    if (values.ok) lots.push({ fate, values: values.value })
    else fate.error = values.error
  }
  const sent = yield* send(manner, lots, mostOf(manner, frameLimit))
  if (!sent.ok) return sent
  yield* check(manner, fates, ({ record }, there) => {
    if (!there) return 'it has no record under this number'
    const names = differences(record, there)
    return names.length > 0 ? `it shows another ${names.join(', ')}` : null
  })
  return ok(fates.map(({ error }) => (error ? err(error) : ok(null))))
}

/** Takes records out of the archive, and looks whether they are gone. @returns one result a number, in their order */
export function* deleteArchive(manner: Manner, numbers: readonly number[], frameLimit: number): Talk<readonly Result<null>[]> {
  const fates: Fate[] = numbers.map((number) => ({ record: emptyRecord(number), error: null }))
  const lots: { fate: Fate; values: Values }[] = []
  for (const fate of fates) {
    const values = valuesOfRecord(fate.record)
    if (values.ok) lots.push({ fate, values: values.value })
    else fate.error = values.error
  }
  const sent = yield* send(manner, lots, mostOf(manner, frameLimit))
  if (!sent.ok) return sent
  yield* check(manner, fates, (_, there) => (there ? 'the record is still there' : null))
  return ok(fates.map(({ error }) => (error ? err(error) : ok(null))))
}

const mostOf = ({ passwordBytes }: Manner, frameLimit: number): number =>
  Math.max(1, Math.min(WRITTEN, Math.floor((frameLimit - ANSWER_OVERHEAD - passwordBytes - 6) / RECORD_SIZE)))

/** Reads back what was confirmed. */
function* check(manner: Manner, fates: readonly Fate[], verdict: (fate: Fate, there: ArchiveRecord | null) => string | null): Talk<null> {
  const { terminal } = manner
  const sure = fates.filter(({ error }) => error === null)
  if (sure.length === 0) return ok(null)
  const back = yield* readArchive(
    manner,
    sure.map(({ record }) => record.number),
  )
  const records = back.ok ? new Map(back.value.map((record) => [record.number, record])) : null
  for (const fate of sure) {
    const { number } = fate.record
    if (!back.ok) {
      const why = refuse(
        'GW3761_READ_BACK',
        `${terminal} confirmed archive record ${number}, but it could not be read back: ${back.error.message}`,
        { terminal, number },
      )
      fate.error = why.error
      continue
    }
    const wrong = verdict(fate, records?.get(number) ?? null)
    if (wrong)
      fate.error = refusal('GW3761_READ_BACK', `${terminal} confirmed archive record ${number}, but ${wrong}`, { terminal, number })
  }
  return ok(null)
}
