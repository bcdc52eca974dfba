import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import pino from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/main.ts'
import { type Asked, bytesOf, dialIn, identifier } from '../support/hand-terminal.ts'
import { patient, scratch, TOKEN } from '../support/processes.ts'

/** Terminal 3301-1001 of the captured frames. */
const ADDRESS = bytesOf('01 33 E9 03') as [number, number, number, number]
const F10 = bytesOf('00 00 02 01')
const DONE = bytesOf('00 00 01 00')

/** A gateway with one concentrator and meters behind it, and the terminal, made by hand, that dials in. */
const site = async (allowWrites: boolean, meters: number, answer: (asked: Asked) => readonly number[] | null | undefined) => {
  const directory = scratch()
  mkdirSync(directory, { recursive: true })
  const config = {
    ...{
      version: 1,
      gateway: { id: 'g', timezone: 'Asia/Shanghai', data: './data' },
      http: { port: 0 },
      ledger: 'ledger.yaml',
      lines: [],
      tasks: [],
    },
    ...{ clocks: { set: true }, concentrators: { listeners: [{ id: 'gprs', port: 0 }], answer: '1s', fieldAnswer: '1s', control: true } },
    clock: { start: '2026-11-21T10:20:00+08:00', realStart: new Date().toISOString(), speed: 1 },
  }
  const all = Array.from({ length: meters }, (_, at) => ({ id: `M${at + 1}`, address: `2407200000${String(at + 1).padStart(2, '0')}` }))
  const ledger = {
    ...{ version: 1, areas: [{ id: 'A-1' }], points: all.map(({ id }) => ({ id: `P-${id}`, area: 'A-1' })) },
    concentrators: [{ id: 'C-1', address: '3301-1001', protocol: 'gw3761', area: 'A-1', allowWrites }],
    meters: all.map((meter) => ({ ...meter, point: `P-${meter.id}`, line: 'C-1', profile: 'gw3761/single-phase' })),
  }
  writeFileSync(join(directory, 'gateway.yaml'), stringify(config))
  writeFileSync(join(directory, 'ledger.yaml'), stringify(ledger))
  const loaded = loadGatewayConfig(join(directory, 'gateway.yaml'))
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const started = await startGateway(loaded.value, pino({ level: 'silent' }), { ...process.env, GRIDTALLY_TOKEN: TOKEN })
  if (!started.ok) throw new Error(`${started.message} ${JSON.stringify(started.problems)}`)
  const gateway = started.value
  onTestFinished(() => gateway.close())
  const second = gateway.tokens.add('second', 'operate')
  const api = async (path: string, body?: object, token = TOKEN) => {
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    const headers = { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) }
    const said = await patient(`${gateway.address}/api/v1${path}`, { headers, ...sent })
    return { status: said.status, body: JSON.parse(await said.text()) }
  }
  const terminal = await dialIn({ port: gateway.listening[0]?.port ?? 0, address: ADDRESS, answer })
  onTestFinished(() => terminal.hangUp())
  terminal.login()
  await expect.poll(async () => (await api('/concentrators/C-1')).body.online?.peer ?? null, { timeout: 60_000 }).not.toBeNull()
  return { api, terminal, second }
}

/** A terminal that keeps records of 27 bytes, as AFN04 F10 brings them and AFN0A F10 gives them back. */
const keeping = () => {
  const records = new Map<number, readonly number[]>()
  const answer = ({ afn, data }: Asked): readonly number[] | null | undefined => {
    const isF10 = data[0] === 0 && data[1] === 0 && data[2] === 2 && data[3] === 1
    if (afn === 0x04 && isF10) {
      const count = (data[4] ?? 0) | ((data[5] ?? 0) << 8)
      for (let at = 0; at < count; at++) {
        const record = [...data.slice(6 + at * 27, 33 + at * 27)]
        const number = (record[0] ?? 0) | ((record[1] ?? 0) << 8)
        if (record[2] === 0 && record[3] === 0) records.delete(number)
        else records.set(number, record)
      }
      return DONE
    }
    if (afn === 0x0a && isF10) {
      const count = (data[4] ?? 0) | ((data[5] ?? 0) << 8)
      const numbers = Array.from({ length: count }, (_, at) => (data[6 + at * 2] ?? 0) | ((data[7 + at * 2] ?? 0) << 8))
      const found = numbers.flatMap((number) => records.get(number) ?? [])
      return found.length === 0 ? null : [...F10, found.length / 27, 0, ...found]
    }
    return null
  }
  return { records, answer }
}

it('downloads the ledger into a terminal made by hand, which then has every record as the fact sheet says', async () => {
  const { records, answer } = keeping()
  // A confirmation is AFN00, whatever was asked.
  const { api, terminal } = await site(true, 12, (asked) => (asked.afn === 0x04 ? undefined : answer(asked)))
  const confirm = setInterval(() => {
    for (const asked of terminal.asked.slice(confirmed)) {
      confirmed++
      if (asked.afn !== 0x04) continue
      answer(asked)
      terminal.send(terminal.frame(0x80, 0x00, 0x60 | (asked.seq & 0x0f), DONE))
    }
  }, 5)
  let confirmed = 0
  onTestFinished(() => clearInterval(confirm))
  const begun = await api('/concentrators/C-1/archive/download', { why: 'order 7' })
  expect([begun.status, begun.body.detail ?? null]).toEqual([200, null])
  await expect
    .poll(async () => (await api(`/concentrators/C-1/jobs/${begun.body.id}?waitS=2`)).body.state, { timeout: 60_000 })
    .not.toBe('running')
  const job = (await api(`/concentrators/C-1/jobs/${begun.body.id}`)).body
  expect(job).toMatchObject({ state: 'done', result: { done: 12, failed: 0, after: { records: 12, same: 12 } } })
  const writes = terminal.asked.filter(({ afn }) => afn === 0x04)
  expect(writes.length).toBeGreaterThan(1)
  // PW, sixteen bytes, stands behind the records.
  for (const { data } of writes) expect((data.length - 4 - 2 - 16) % 27).toBe(0)
  expect(records.get(3)).toEqual([3, 0, 3, 0, 31, 30, ...bytesOf('03 00 00 20 07 24'), 0, 0, 0, 0, 0, 0, 4, 0b1001, 0, 0, 0, 0, 0, 0, 0x50])
  expect((await api('/concentrators/C-1/archive/diff')).body.items).toEqual([])
})

/** What changes something in a terminal or a meter. @source Q/GDW 376.1, AFN 01, 04, 05, 06, 0F */
const WRITING = new Set([0x01, 0x04, 0x05, 0x06, 0x0f])

it('sends nothing that changes anything to a terminal without allowWrites, whatever is asked of the API', async () => {
  const { answer } = keeping()
  const { api, terminal, second } = await site(false, 3, answer)
  const why = 'try it'
  const orders: readonly (readonly [string, object])[] = [
    ['archive/read', {}],
    ['archive/download', { why }],
    ['archive/download', { why, meters: ['M1'] }],
    ['archive/delete', { why, numbers: [1], alsoInLedger: true }],
    ['parameters/read', { items: [{ id: 'F1' }] }],
    ['parameters/set', { why, items: [{ id: 'F1', value: { heartbeat_min: 5 } }] }],
    ['parameters/set', { why, items: [{ id: 'F35', value: { sequence_numbers: [1] } }] }],
    ['clock/set', { why, acceptCrossing: true }],
    ['clock/set', { why, secondToken: second }],
    ['events/ask', {}],
    ['routes/read', {}],
    ['read', { read: 'current' }],
    ...['04 F1', '05 F1', '01 F2', '06 F1', '0F F1', '10 F1', '0A F1', '0C F2'].map((item) => ['ask', { item }] as const),
    ...['trip', 'close', 'permit-close', 'keep-power', 'release-power'].map((act) => ['control', { act, point: 1, why }] as const),
    ['control/1/confirm', {}],
  ]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...orders), fc.boolean(), async ([path, body], isSecond) => {
      const { status } = await api(`/concentrators/C-1/${path}`, body, isSecond ? second : TOKEN)
      expect([200, 400, 404, 409, 422, 503, 504]).toContain(status)
    }),
    { numRuns: 80, examples: orders.map((order) => [order, true]) },
  )
  expect(terminal.asked.length).toBeGreaterThan(5)
  expect(terminal.asked.filter(({ afn }) => WRITING.has(afn))).toEqual([])
  expect(identifier(0, 10)).toEqual(F10)
})
