import { expect, it } from 'vitest'
import type { LedgerPort } from '../../src/api/index.ts'
import { act, day, good, open, SITE } from '../ledger/support.ts'
import { api, asOperator, asReader, NOW } from './fake.ts'
import { portOver } from './fake-ledger.ts'

const start = async (change: Partial<LedgerPort> = {}) => {
  const { ledger } = open()
  good(ledger.apply(SITE, act({ at: day('2026-01-01'), who: 'import' })))
  const { app } = await api({ ledger: portOver(ledger, change) })
  const ask = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ url: `/api/v1${url}`, headers: { ...asReader, ...headers } })
  const send = (method: 'PUT' | 'PATCH' | 'POST', url: string, payload: object, headers: Record<string, string> = {}) =>
    app.inject({ method, url: `/api/v1${url}`, payload, headers: { ...asOperator, ...headers } })
  return { ledger, ask, send }
}

it('shows an entry with its version as ETag, and 304 to whoever has it already', async () => {
  const { ask } = await start()
  const first = await ask('/ledger/point/P1')
  expect(first.json()).toEqual({ kind: 'point', id: 'P1', version: 1, attributes: { area: 'A', name: 'mill', ct: '400/5' } })
  expect(first.headers.etag).toBe('"1"')
  const again = await ask('/ledger/point/P1', { 'if-none-match': '"0", "1"' })
  expect([again.statusCode, again.body]).toEqual([304, ''])
  expect((await ask('/ledger/point/P9')).json()).toMatchObject({ status: 404, code: 'API_LEDGER' })
  expect((await ask('/ledger/planet/P9')).statusCode).toBe(400)
})

it('changes an entry only for whoever has seen it: 428 without a version, 412 with the present one when somebody was quicker', async () => {
  const { ask, send } = await start()
  const body = { set: { ct: '600/5' }, from: '2026-03-01T00:00:00Z', why: 'CT replaced', workOrder: 'WO-7' }
  expect((await send('PATCH', '/ledger/point/P1', body)).json()).toMatchObject({ status: 428, code: 'API_PRECONDITION' })
  const done = await send('PATCH', '/ledger/point/P1', body, { 'if-match': '"1"' })
  expect([done.statusCode, done.headers.etag, done.json().attributes.ct]).toEqual([200, '"2"', '600/5'])
  const late = await send('PATCH', '/ledger/point/P1', { set: { ct: '800/5' }, why: 'x' }, { 'if-match': '"1"' })
  expect(late.json()).toMatchObject({
    ...{ status: 412, code: 'LEDGER_STALE', detail: 'point P1 is at version 2, you expected version 1' },
    current: { version: 2, attributes: { ct: '600/5' } },
  })
  expect(late.headers.etag).toBe('"2"')
  expect((await ask('/ledger/point/P1?asOf=2026-02-28T23:59:59Z')).json().attributes.ct).toBe('400/5')
  const history = (await ask('/ledger/point/P1/history')).json().items
  expect(history.filter(({ name }: { name: string }) => name === 'ct')).toEqual([
    { name: 'ct', value: '400/5', from: '1970-01-01T00:00:00.000Z', to: '2026-03-01T00:00:00.000Z', change: 1 },
    { name: 'ct', value: '600/5', from: '2026-03-01T00:00:00.000Z', to: null, change: 2 },
  ])
})

it('makes a new entry once, and PUT ends what it does not name', async () => {
  const { send } = await start()
  const body = { set: { name: 'north', zone: 'Z' }, why: 'new area' }
  const made = await send('PUT', '/ledger/area/B', body, { 'if-none-match': '*' })
  expect([made.statusCode, made.headers.etag]).toEqual([201, '"2"'])
  expect((await send('PUT', '/ledger/area/B', body, { 'if-none-match': '*' })).statusCode).toBe(412)
  const put = await send('PUT', '/ledger/area/B', { set: { name: 'south' }, why: 'renamed' }, { 'if-match': '"2"' })
  expect(put.json().attributes).toEqual({ name: 'south' })
})

it('refuses what contradicts the ledger, every problem with both places, and changes nothing', async () => {
  const { ask, send } = await start()
  const patches = [
    { kind: 'meter', id: 'M9', set: { point: 'P1', line: 'hall', address: '2', profile: 'p' } },
    { kind: 'point', id: 'P8', set: { area: 'nowhere' } },
  ]
  const refused = await send('POST', '/ledger/bulk', { patches, why: 'x' })
  expect(refused.json()).toMatchObject({
    ...{ status: 422, code: 'LEDGER_REFUSED', problemCount: 3 },
    problems: [
      { code: 'LEDGER_REFERENCE', place: 'patches/1' },
      { code: 'LEDGER_POINT_TAKEN', place: 'patches/0', against: 'ledger: meter M1 since always' },
      { code: 'LEDGER_ADDRESS_TAKEN', place: 'patches/0', against: 'ledger: meter M2 since always' },
    ],
  })
  expect((await ask('/ledger/changes')).json().items).toHaveLength(1)
})

it('does many at once, first dry, and takes them back', async () => {
  const { ask, send } = await start()
  const patches = [
    { kind: 'area', id: 'B', set: { zone: 'Z' } },
    { kind: 'point', id: 'P3', set: { area: 'B' }, from: '2026-05-01T00:00:00+08:00' },
  ]
  const dry = await send('POST', '/ledger/bulk', { patches, why: 'split', dryRun: true })
  expect(dry.json()).toMatchObject({
    ...{ added: 1, changed: 1, unchanged: 0, problemCount: 0 },
    entries: [
      { kind: 'area', id: 'B', change: 'added' },
      { kind: 'point', id: 'P3', from: '2026-04-30T16:00:00.000Z', attributes: [{ name: 'area', before: 'A', after: 'B' }] },
    ],
  })
  expect((await send('POST', '/ledger/bulk', { patches, why: 'split', workOrder: 'WO-8' })).json()).toEqual({
    ...{ change: 2, added: 1, changed: 1, unchanged: 0 },
  })
  const mine = (await ask('/ledger/changes?workOrder=WO-8')).json()
  expect(mine.items).toEqual([
    {
      ...{ seq: 2, at: new Date(NOW).toISOString(), what: 'edit', who: 'operator', why: 'split', workOrder: 'WO-8' },
      ...{ undoes: null, undoneBy: null, entities: 2 },
    },
  ])
  expect((await send('POST', '/ledger/changes/2/undo', { why: 'mistake' })).json()).toMatchObject({ change: 3 })
  expect((await ask('/ledger/area/B')).statusCode).toBe(404)
  expect((await ask('/ledger/point/P3')).json().attributes.area).toBe('A')
  expect((await ask('/ledger/changes/2')).json()).toMatchObject({ undoneBy: 3, entries: [{ id: 'B' }, { id: 'P3' }], next: null })
  const first = (await ask('/ledger/changes/2?limit=1')).json()
  expect(first.entries).toMatchObject([{ id: 'B' }])
  const second = (await ask(`/ledger/changes/2?limit=1&cursor=${first.next}`)).json()
  expect([second.entries, second.next, second.seq]).toMatchObject([[{ id: 'P3' }], null, 2])
  expect((await ask(`/ledger/changes/3?limit=1&cursor=${first.next}`)).statusCode).toBe(400)
  expect((await send('POST', '/ledger/changes/9/undo', { why: 'x' })).statusCode).toBe(404)
})

it('lists by attribute, text and day, in pages', async () => {
  const { ask, ledger } = await start()
  const ids = async (url: string) => (await ask(url)).json().items.map(({ id }: { id: string }) => id)
  expect(await ids('/ledger/point?where=area:A')).toEqual(['P1', 'P2', 'P3'])
  expect(await ids('/ledger/point?where=ct:')).toEqual(['P2', 'P3'])
  expect(await ids('/ledger/point?text=MILL')).toEqual(['P1'])
  expect((await ask('/ledger/point?where=colour:red')).json().detail).toContain('names are name, area, feeder, bus, customer')
  good(ledger.apply([{ kind: 'meter', id: 'M1', from: null, set: { verifyBy: '2026-08-01' } }], act()))
  expect(await ids('/ledger/meter?dueBefore=2026-08-15')).toEqual(['M1'])
  const page = (await ask('/ledger/point?limit=2')).json()
  expect(page.items).toHaveLength(2)
  expect(await ids(`/ledger/point?limit=2&cursor=${page.next}`)).toEqual(['P3'])
})

it('names every kind and attribute in both languages', async () => {
  const { ask } = await start()
  const { kinds } = (await ask('/ledger/vocabulary')).json()
  expect(kinds).toHaveLength(9)
  const point = kinds.find(({ kind }: { kind: string }) => kind === 'point')
  expect(point.attributes.find(({ name }: { name: string }) => name === 'ct')).toEqual({
    ...{ name: 'ct', type: 'ratio', en: 'CT ratio', zh: 'CT变比', choices: [], refers: null, required: false },
  })
})

it('writes an exchange after a dry run with its proposal, and lists it until billing acknowledges it', async () => {
  const end = { registers: { '1-0:1.8.0': '12345.60' }, measuredAt: day('2026-08-15'), source: 'day-freeze' }
  const { ask, send } = await start({ proposal: async () => ({ oldMeter: 'M1', end, start: null }) })
  const body = {
    ...{ kind: 'meter', point: 'P1', at: '2026-08-15T10:00:00Z', meter: { id: 'M7', set: { address: '77' } } },
    ...{ end: { '1.8.0': '12346.00' }, start: { '1.8.0': '0.00' }, by: ['Wang', 'Li'], reason: 'burnt' },
  }
  const dry = (await send('POST', '/exchanges', { ...body, dryRun: true })).json()
  expect(dry.proposal).toEqual({ oldMeter: 'M1', end: { ...end, measuredAt: '2026-08-15T00:00:00.000Z' }, start: null })
  expect(dry.plan).toMatchObject({ problemCount: 0, entries: [{ id: 'M1' }, { id: 'M7' }] })
  const wrong = (await send('POST', '/exchanges', { ...body, end: { '1.8.0': '13346.00' } })).json()
  expect(wrong.problems).toMatchObject([{ code: 'LEDGER_DEVIATION' }])
  expect(wrong.problems[0].message).toContain("is 13346.00, the gateway's reading says 12345.60: 1000.40 apart")
  const done = await send('POST', '/exchanges', body)
  expect(done.statusCode).toBe(201)
  expect(done.json()).toMatchObject({
    id: 1,
    oldMeter: 'M1',
    newMeter: 'M7',
    end: { '1-0:1.8.0': '12346.00' },
    ageS: 7200,
    acknowledged: null,
  })
  expect((await ask('/exchanges?unacknowledged=true')).json().items).toHaveLength(1)
  const noted = (await send('POST', '/exchanges/1/acknowledge', { by: 'billing', note: 'seen' })).json()
  expect(noted.acknowledged).toEqual({ by: 'billing', at: new Date(NOW).toISOString(), note: 'seen' })
  expect((await send('POST', '/exchanges/1/acknowledge', {})).json()).toMatchObject({
    status: 422,
    problems: [{ code: 'LEDGER_ACKNOWLEDGED' }],
  })
  expect((await ask('/exchanges?unacknowledged=true')).json().items).toEqual([])
  expect((await ask('/ledger/meter/M1')).json().attributes.point).toBeUndefined()
})

it('takes a point through commissioning, and says what is missing', async () => {
  const { ask, send, ledger } = await start()
  good(ledger.apply([{ kind: 'point', id: 'P5', from: null, set: { area: 'A', state: 'trial' } }], act()))
  const list = (await ask('/points/P5/checklist')).json()
  expect(list).toMatchObject({ state: 'trial', complete: false })
  expect(list.items.map(({ item, done }: { item: string; done: boolean }) => [item, done])).toContainEqual(['communication', true])
  const step = { state: 'in-service', why: 'trial over', set: { energisedOn: '2026-08-01', startRegister: '0.00' } }
  const early = (await send('POST', '/points/P5/state', step)).json()
  expect(early).toMatchObject({ status: 422, problemCount: 5 })
  expect(early.problems[1].message).toContain('multiplier: a person must confirm it')
  for (const item of ['register', 'multiplier', 'phase-order', 'clock', 'area'])
    expect((await send('POST', `/points/P5/checklist/${item}`, { good: true, by: 'Li' })).statusCode).toBe(200)
  const without = (await send('POST', '/points/P5/state', { ...step, set: {} })).json()
  expect(without.problems.map(({ message }: { message: string }) => message)).toEqual([
    'point P5 cannot go in service without energisedOn',
    'point P5 cannot go in service without startRegister',
  ])
  expect((await send('POST', '/points/P5/state', step)).statusCode).toBe(200)
  expect((await ask('/points/P5/checklist')).json().state).toBe('in-service')
  expect((await ask('/points/P99/checklist')).statusCode).toBe(404)
})

it('lets readers look and only operators change', async () => {
  const { ledger } = open()
  const { app } = await api({ ledger: portOver(ledger) })
  const refused = await app.inject({ method: 'POST', url: '/api/v1/ledger/bulk', payload: { patches: [], why: 'x' }, headers: asReader })
  expect(refused.statusCode).toBe(403)
})

it('shows what says something of a person to those who may change it, and *** to the others', async () => {
  const { ask, send, ledger } = await start()
  good(ledger.apply([{ kind: 'customer', id: '0012', from: null, set: { name: 'mill', address: 'Lane 8' } }], act({ at: NOW })))
  good(ledger.apply([{ kind: 'customer', id: '0012', from: NOW + 1, set: { address: 'Lane 9' } }], act({ at: NOW + 1 })))
  const urls = ['/ledger/customer/0012', '/ledger/customer', '/ledger/customer/0012/history', '/ledger/changes/3', '/ledger/changes/2']
  for (const url of urls) {
    const reader = await ask(url)
    expect([url, reader.statusCode, reader.body.includes('Lane'), reader.body.includes('***')]).toEqual([url, 200, false, true])
    expect((await ask(url, asOperator)).body).toContain('Lane')
  }
  // Whoever may not see it may not find out by asking either; a number is none of these.
  expect((await ask('/ledger/customer?text=lane')).json().items).toEqual([])
  expect((await ask('/ledger/customer?text=lane', asOperator)).json().items).toHaveLength(1)
  expect((await ask('/ledger/customer?text=mill')).json().items).toEqual([])
  expect((await ask('/ledger/customer?text=mill', asOperator)).json().items).toHaveLength(1)
  expect((await ask('/ledger/customer?text=0012')).json().items).toHaveLength(1)
  expect((await ask('/ledger/customer?where=address:Lane%209')).statusCode).toBe(400)
  expect((await ask('/ledger/customer?where=address:Lane%209', asOperator)).json().items).toHaveLength(1)
  const put = await send('PATCH', '/ledger/customer/0012', { set: { address: '***' }, why: 'x' }, { 'if-match': '"3"' })
  expect(put.json()).toMatchObject({ status: 422, problems: [{ code: 'LEDGER_VALUE' }] })
})

it('hides the name of a point that tells who its customer is or was, and finds nothing by it', async () => {
  const { ask, send, ledger } = await start()
  good(
    ledger.apply(
      [
        { kind: 'customer', id: '0012', from: null, set: { name: 'Li Na' } },
        { kind: 'customer', id: '0013', from: null, set: { name: 'Wu' } },
        { kind: 'point', id: 'P7', from: null, set: { area: 'A', customer: '0012', name: 'flat of LI NA', cabinet: 'box 9' } },
        { kind: 'point', id: 'P8', from: null, set: { area: 'A', customer: '0012', name: 'pump house' } },
      ],
      act({ at: NOW }),
    ),
  )
  // Somebody else's now, and still called after the one before.
  good(ledger.apply([{ kind: 'point', id: 'P7', from: NOW + 1, set: { customer: '0013' } }], act({ at: NOW + 1 })))
  for (const url of ['/ledger/point/P7', '/ledger/point?text=box', '/ledger/point/P7/history', '/ledger/changes/2']) {
    const reader = await ask(url)
    expect([url, reader.statusCode, reader.body.includes('flat'), reader.body.includes('***')]).toEqual([url, 200, false, true])
    expect((await ask(url, asOperator)).body).toContain('flat of LI NA')
  }
  expect((await ask('/ledger/point/P8')).body).toContain('pump house')
  const found = async (query: string, who = asReader) =>
    (await ask(`/ledger/point?${query}`, who)).json().items.map(({ id }: { id: string }) => id)
  expect([await found('text=li%20na'), await found('text=li%20na', asOperator)]).toEqual([[], ['P7']])
  expect([await found('where=name:flat%20of%20LI%20NA'), await found('where=name:flat%20of%20LI%20NA', asOperator)]).toEqual([[], ['P7']])
  expect([await found('text=pump'), await found('where=name:pump%20house')]).toEqual([['P8'], ['P8']])
  const put = await send('PATCH', '/ledger/point/P7', { set: { name: '***' }, why: 'x' }, { 'if-match': '*' })
  expect(put.json()).toMatchObject({ status: 422, problems: [{ code: 'LEDGER_VALUE' }] })
})
