import {
  choiceOf,
  dar,
  hexField,
  type Leaves,
  normalResult,
  numbered,
  oad,
  oadList,
  octets,
  omd,
  piid,
  piidAcd,
  recordRequest,
  recordResult,
  serverTail,
  timeTag,
  tsa,
} from './apdu-parts.ts'
import type { ActItem, ResultItem } from './apdu-types.ts'
import { type Cursor, countField, several, stop, u8, u16 } from './cursor.ts'
import { readDatum } from './data.ts'

const GET = ['', 'normal', 'normal-list', 'record', 'record-list', 'next'] as const
const ACT = ['', 'normal', 'normal-list', 'then-get-normal-list'] as const
const REPORT = ['', 'list', 'record-list', 'trans-data'] as const
const PROXY = [
  '',
  'get-list',
  'get-record',
  'set-list',
  'set-then-get-list',
  'action-list',
  'action-then-get-list',
  'trans-command',
] as const

export const getRequest = (c: Cursor): Leaves => {
  const choice = choiceOf(c, GET)
  const head = { choice, ...piid(c) }
  switch (choice) {
    case 'normal':
      return { ...head, oads: [oad(c)], ...timeTag(c) }
    case 'normal-list':
      return { ...head, oads: oadList(c), ...timeTag(c) }
    case 'record':
      return { ...head, record: recordRequest(c), ...timeTag(c) }
    case 'record-list':
      return { ...head, records: several(c, countField(c, 6), recordRequest), ...timeTag(c) }
    default:
      return { ...head, block: numbered(c, 'last block received', u16), ...timeTag(c) }
  }
}

/** One block of an answer that did not fit: `00` DAR, `01` results, `02` records. */
const block = (c: Cursor): Leaves => {
  const last = numbered(c, 'last block', u8) !== 0
  const head = { last, block: numbered(c, 'block', u16) }
  const choice = u8(c)
  if (choice === 0) return { ...head, ...dar(c) }
  if (choice === 1) return { ...head, results: several(c, countField(c, 6), normalResult) }
  if (choice === 2) return { ...head, records: several(c, countField(c, 6), recordResult) }
  stop(c, 'DLT698_APDU', `${choice} is no choice of a block: 0 DAR, 1 results, 2 records`, c.at - 1)
  return head
}

export const getResponse = (c: Cursor): Leaves => {
  const choice = choiceOf(c, GET)
  const head = { choice, ...piidAcd(c) }
  switch (choice) {
    case 'normal':
      return { ...head, results: [normalResult(c)], ...serverTail(c) }
    case 'normal-list':
      return { ...head, results: several(c, countField(c, 6), normalResult), ...serverTail(c) }
    case 'record':
      return { ...head, record: recordResult(c), ...serverTail(c) }
    case 'record-list':
      return { ...head, records: several(c, countField(c, 6), recordResult), ...serverTail(c) }
    default:
      return { ...head, ...block(c), ...serverTail(c) }
  }
}

export const setItem = (c: Cursor): ActItem => ({ oad: oad(c), data: readDatum(c) })
export const actionItem = (c: Cursor): ActItem => ({ omd: omd(c), data: readDatum(c) })
const thenGet =
  (item: (c: Cursor) => ActItem) =>
  (c: Cursor): ActItem => ({ ...item(c), get_oad: oad(c), delay_s: numbered(c, 'delay', u8, ' s') })

export const acts =
  (item: (c: Cursor) => ActItem, name: 'sets' | 'actions') =>
  (c: Cursor): Leaves => {
    const choice = choiceOf(c, ACT)
    const head = { choice, ...piid(c) }
    const one = choice === 'then-get-normal-list' ? thenGet(item) : item
    return { ...head, [name]: choice === 'normal' ? [one(c)] : several(c, countField(c, 5), one), ...timeTag(c) }
  }

export const setResult = (c: Cursor): ResultItem => ({ oad: oad(c), ...dar(c) })
/** OMD, DAR and data where the method gives some. */
export const actionResult = (c: Cursor): ResultItem => {
  const head = { omd: omd(c), ...dar(c) }
  const present = u8(c)
  if (present > 1) stop(c, 'DLT698_APDU', `${present} is no mark of data: 0 absent, 1 present`, c.at - 1)
  return present === 1 ? { ...head, data: readDatum(c) } : head
}
const alsoGot =
  (item: (c: Cursor) => ResultItem) =>
  (c: Cursor): ResultItem => ({ ...item(c), get: normalResult(c) })

export const actResults =
  (item: (c: Cursor) => ResultItem) =>
  (c: Cursor): Leaves => {
    const choice = choiceOf(c, ACT)
    const head = { choice, ...piidAcd(c) }
    const one = choice === 'then-get-normal-list' ? alsoGot(item) : item
    return { ...head, results: choice === 'normal' ? [one(c)] : several(c, countField(c, 5), one), ...serverTail(c) }
  }

export const reportNotification = (c: Cursor): Leaves => {
  const choice = choiceOf(c, REPORT)
  const head = { choice, ...piidAcd(c) }
  if (choice === 'list') return { ...head, results: several(c, countField(c, 6), normalResult), ...serverTail(c) }
  if (choice === 'record-list') return { ...head, records: several(c, countField(c, 6), recordResult), ...serverTail(c) }
  return { ...head, port: oad(c), inner_hex: octets(c, 'bytes'), ...serverTail(c) }
}

export const reportResponse = (c: Cursor): Leaves => {
  const choice = choiceOf(c, REPORT)
  const head = { choice, ...piid(c) }
  return choice === 'trans-data' ? { ...head, ...timeTag(c) } : { ...head, oads: oadList(c), ...timeTag(c) }
}

const targets =
  (one: (c: Cursor) => Leaves) =>
  (c: Cursor): Leaves => ({
    timeout_s: numbered(c, 'timeout', u16, ' s'),
    targets: several(c, countField(c, 4), () => ({ tsa: tsa(c), timeout_s: numbered(c, 'timeout of the meter', u16, ' s'), ...one(c) })),
  })

const PROXY_REQUESTS: Readonly<Record<(typeof PROXY)[number], (c: Cursor) => Leaves>> = {
  '': () => ({}),
  'get-list': targets((c) => ({ oads: oadList(c) })),
  'get-record': (c) => ({ timeout_s: numbered(c, 'timeout', u16, ' s'), tsa: tsa(c), record: recordRequest(c) }),
  'set-list': targets((c) => ({ sets: several(c, countField(c, 5), setItem) })),
  'set-then-get-list': targets((c) => ({ sets: several(c, countField(c, 10), thenGet(setItem)) })),
  'action-list': targets((c) => ({ actions: several(c, countField(c, 5), actionItem) })),
  'action-then-get-list': targets((c) => ({ actions: several(c, countField(c, 10), thenGet(actionItem)) })),
  'trans-command': (c) => ({
    port: oad(c),
    comdcb: hexField(c, 'COMDCB', 5),
    wait_s: numbered(c, 'wait', u16, ' s'),
    byte_timeout_ms: numbered(c, 'byte timeout', u16, ' ms'),
    inner_hex: octets(c, 'bytes passed through'),
  }),
}

export const proxyRequest = (c: Cursor): Leaves => {
  const choice = choiceOf(c, PROXY)
  return { choice, ...piid(c), ...PROXY_REQUESTS[choice](c), ...timeTag(c) }
}

const ofTargets =
  (item: (c: Cursor) => ResultItem) =>
  (c: Cursor): Leaves => ({
    results: several(c, countField(c, 2), (): ResultItem => ({ tsa: tsa(c), results: several(c, countField(c, 5), item) })),
  })

const PROXY_RESPONSES: Readonly<Record<(typeof PROXY)[number], (c: Cursor) => Leaves>> = {
  '': () => ({}),
  'get-list': ofTargets(normalResult),
  'get-record': (c) => ({ tsa: tsa(c), record: recordResult(c) }),
  'set-list': ofTargets(setResult),
  'set-then-get-list': ofTargets(alsoGot(setResult)),
  'action-list': ofTargets(actionResult),
  'action-then-get-list': ofTargets(alsoGot(actionResult)),
  'trans-command': (c) => {
    const port = oad(c)
    const choice = u8(c)
    if (choice === 0) return { port, ...dar(c) }
    if (choice !== 1) stop(c, 'DLT698_APDU', `${choice} is no choice of a result: 0 DAR, 1 bytes`, c.at - 1)
    return { port, inner_hex: octets(c, 'bytes passed through') }
  },
}

export const proxyResponse = (c: Cursor): Leaves => {
  const choice = choiceOf(c, PROXY)
  return { choice, ...piidAcd(c), ...PROXY_RESPONSES[choice](c), ...serverTail(c) }
}
