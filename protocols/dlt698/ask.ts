import { ok, type Result } from '../../src/core/result.ts'
import type { TerminalTalk } from '../../src/core/terminal.ts'
import type { RecordItem, ResultItem } from './apdu-types.ts'
import { refusal } from './dar.ts'
import type { ColumnSelector, Datum, RecordSelector } from './datum.ts'
import { type Out, put16, putColumns, putDatum, putLength, putOad, putSelector, putTsa } from './encode.ts'
import { fail } from './errors.ts'
import { exchange, get, type Peer } from './exchange.ts'
import type { Frame } from './frame.ts'

/** No time tag. */
const NO_TAG = 0x00

/** Value of one result, or why there is none. */
export const resultValue = (result: ResultItem | undefined, what: string): Result<Datum> => {
  if (result?.data !== undefined) return ok(result.data)
  if (result?.dar !== undefined) return { ok: false, error: refusal(result.dar, what) }
  return fail('DLT698_NO_DATA', `${what}: left out of the answer`)
}

/** Reads one attribute of the terminal itself. */
export const getOne = function* (peer: Peer, oad: string): TerminalTalk<Datum, Frame> {
  const body: Out = []
  putOad(body, oad)
  body.push(NO_TAG)
  const got = yield* get(peer, {
    choice: 1,
    body: Uint8Array.from(body),
    isOurs: ({ choice, results }) => choice === 'next' || results?.[0]?.oad === oad,
  })
  if (!got.ok) return got
  const parts = got.value.results
  // An array that came in blocks: each block has some of its elements.
  if (parts.length > 1 && parts.every(({ data }) => data?.t === 'array'))
    return ok({ t: 'array', v: parts.flatMap(({ data }) => (data?.t === 'array' ? data.v : [])) })
  return resultValue(parts[0], oad)
}

/** Reads several attributes of the terminal itself; results in the order of the answer. */
export const getList = function* (peer: Peer, oads: readonly string[]): TerminalTalk<readonly ResultItem[], Frame> {
  const body: Out = []
  putLength(body, oads.length)
  for (const oad of oads) putOad(body, oad)
  body.push(NO_TAG)
  const got = yield* get(peer, {
    choice: 2,
    body: Uint8Array.from(body),
    isOurs: ({ choice, results }) => choice === 'next' || results?.[0]?.oad === undefined || oads.includes(results[0].oad),
  })
  return got.ok ? ok(got.value.results) : got
}

/** Reads rows of a record table of the terminal itself. */
export const getRecord = function* (
  peer: Peer,
  oad: string,
  selector: RecordSelector,
  columns: readonly ColumnSelector[],
): TerminalTalk<readonly RecordItem[], Frame> {
  const body: Out = []
  putOad(body, oad)
  putSelector(body, selector)
  putColumns(body, columns)
  body.push(NO_TAG)
  const got = yield* get(peer, {
    choice: 3,
    body: Uint8Array.from(body),
    isOurs: ({ choice, record }) => choice === 'next' || record?.oad === oad,
  })
  if (!got.ok) return got
  const refused = got.value.records.find(({ dar }) => dar !== undefined)
  if (refused?.dar !== undefined) return { ok: false, error: refusal(refused.dar, `records of ${oad}`) }
  return ok(got.value.records)
}

/** Reads attributes of meters behind the terminal, which asks them at once (代理 GET). Results by meter address. */
export const proxyGet = function* (
  peer: Peer,
  meters: readonly string[],
  oads: readonly string[],
  secondsPerMeter: number,
): TerminalTalk<ReadonlyMap<string, readonly ResultItem[]>, Frame> {
  const body: Out = []
  put16(body, secondsPerMeter * meters.length)
  putLength(body, meters.length)
  for (const meter of meters) {
    putTsa(body, meter)
    put16(body, secondsPerMeter)
    putLength(body, oads.length)
    for (const oad of oads) putOad(body, oad)
  }
  body.push(NO_TAG)
  const answer = yield* exchange(peer, {
    tag: 9,
    choice: 1,
    body: Uint8Array.from(body),
    reach: 'field',
    isOurs: ({ choice }) => choice === 'get-list',
  })
  if (!answer.ok) return answer
  return ok(new Map((answer.value.results ?? []).map(({ tsa, results }) => [(tsa ?? '').padStart(12, '0'), results ?? []])))
}

/** Sets one attribute. */
export const setOne = function* (peer: Peer, oad: string, data: Datum, frameLimit?: number): TerminalTalk<null, Frame> {
  const body: Out = []
  putOad(body, oad)
  putDatum(body, data)
  body.push(NO_TAG)
  return yield* act(peer, 6, body, ({ oad: of }) => of === oad, oad, frameLimit)
}

/** Calls one method. @param omd  OI, method, mode */
export const callMethod = function* (peer: Peer, omd: string, data: Datum, frameLimit?: number): TerminalTalk<null, Frame> {
  const body: Out = []
  putOad(body, omd)
  putDatum(body, data)
  body.push(NO_TAG)
  return yield* act(peer, 7, body, ({ omd: of }) => of === omd, omd, frameLimit)
}

const act = function* (
  peer: Peer,
  tag: number,
  body: Out,
  isOurs: (result: ResultItem) => boolean,
  what: string,
  frameLimit: number | undefined,
): TerminalTalk<null, Frame> {
  const answer = yield* exchange(peer, {
    tag,
    choice: 1,
    body: Uint8Array.from(body),
    writes: true,
    isOurs: ({ results }) => results?.[0] !== undefined && isOurs(results[0]),
    ...(frameLimit !== undefined && { frameLimit }),
  })
  if (!answer.ok) return answer
  const dar = answer.value.results?.[0]?.dar
  if (dar === undefined) return fail('DLT698_APDU', `${what}: the answer says no result`)
  return dar === 0 ? ok(null) : { ok: false, error: refusal(dar, what) }
}
