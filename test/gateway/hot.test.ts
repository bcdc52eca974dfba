import { writeFileSync } from 'node:fs'
import { expect, it, onTestFinished } from 'vitest'
import { Ledger, type Patch } from '../../src/ledger/index.ts'
import { gatewayOf, PROFILE, type SiteMeter, startSite, starts, startWire } from './hot-site.ts'

type Site = Awaited<ReturnType<typeof startSite>>
const SOON = { timeout: 60_000, interval: 20 }
const act = (at: number) => ({ what: 'edit', who: 'test', why: 'a test', workOrder: null, at }) as const

/**
 * Reads of one meter that is read every second, counted from now on: none twice, and none left out but where the machine kept this
 * process, and the gateway in it, from working.
 */
const watchPeriod = (gateway: Site['gateway'], meter: string) => {
  const health = () => {
    const { due = 0, read = 0 } = gateway.field.meter(meter)?.device.health ?? {}
    return { due, read }
  }
  const [began, before] = [Date.now(), health()]
  let heldUp = 0
  let last = performance.now()
  let used = process.cpuUsage()
  const timer = setInterval(() => {
    const now = performance.now()
    const { user, system } = process.cpuUsage(used)
    const idleMs = now - last - (user + system) / 1000
    if (idleMs > 100) heldUp += 1 + Math.ceil(idleMs / 1000)
    last = now
    used = process.cpuUsage()
  }, 10)
  onTestFinished(() => clearInterval(timer))
  return () => {
    const seconds = (Date.now() - began) / 1000
    const { due, read } = health()
    expect(seconds).toBeGreaterThan(2)
    expect(due - before.due).toBeLessThanOrEqual(seconds + 1)
    expect(read - before.read).toBeGreaterThan(seconds - 2 - heldUp)
  }
}

/** Another process that writes into the ledger of a running gateway. */
const ledgerIn = (directory: string) => new Ledger(`${directory}/data`)
const patchesOf = ({ id, line, unit, ct }: SiteMeter): Patch[] => [
  { kind: 'point', id: `P-${id}`, from: null, set: ct === undefined ? { name: id } : { ct } },
  { kind: 'meter', id, from: null, set: { point: `P-${id}`, line, address: String(unit), profile: PROFILE } },
]

it('opens a line of gateway.yaml while the others keep their period and their connection', async () => {
  const [one, two] = [await startWire(), await startWire()]
  const meters = [1, 2, 3].map((unit) => ({ id: `M${unit}`, line: 'one', unit }))
  const { gateway, write, writeLedger } = await startSite([{ id: 'one', port: one.port }], meters)
  await expect.poll(() => starts(one.asked.get(1) ?? []).length, SOON).toBeGreaterThan(2)
  const device = gateway.field.meter('M1')?.device
  const watched = meters.map(({ id }) => watchPeriod(gateway, id))
  write(
    gatewayOf([
      { id: 'one', port: one.port },
      { id: 'two', port: two.port },
    ]),
  )
  writeLedger([...meters, { id: 'M9', line: 'two', unit: 9 }])
  await expect.poll(() => two.asked.get(9)?.length ?? 0, SOON).toBeGreaterThan(2)
  // Reads of the line that was there go on second by second, over the same connection, of the same device.
  await expect.poll(() => starts(one.asked.get(1) ?? []).length, SOON).toBeGreaterThan(5)
  for (const keepsPeriod of watched) keepsPeriod()
  expect(one.connections()).toBe(1)
  expect(gateway.field.meter('M1')?.device).toBe(device)
  expect(gateway.field.schedule.status()).toMatchObject([{ id: 'current', devices: 4 }])
})

it('reads a meter that another process writes into the ledger, and no longer one that leaves its point', async () => {
  const wire = await startWire()
  const { gateway, directory, api } = await startSite([{ id: 'one', port: wire.port }], [{ id: 'M1', line: 'one', unit: 1 }])
  await expect.poll(() => wire.asked.get(1)?.length ?? 0, SOON).toBeGreaterThan(0)
  const ledger = ledgerIn(directory)
  const applied = ledger.apply(patchesOf({ id: 'M2', line: 'one', unit: 2 }), act(Date.now()))
  expect(applied.ok).toBe(true)
  await expect.poll(() => wire.asked.get(2)?.length ?? 0, SOON).toBeGreaterThan(1)
  await expect.poll(async () => (await api('/api/v1/points/P-M2')).body, SOON).toMatchObject({ id: 'P-M2', meters: [{ id: 'M2' }] })
  await expect.poll(async () => (await gateway.latest.latestOf({ point: 'P-M2' })).length, SOON).toBeGreaterThan(0)
  expect((await api('/api/v1/points/P-M2/read-now', { method: 'POST' })).status).toBe(200)

  const health = gateway.field.meter('M1')?.device.health
  ledger.apply([{ kind: 'meter', id: 'M2', from: null, set: { point: null } }], act(Date.now()))
  await expect.poll(() => gateway.field.meter('M2'), SOON).toBeNull()
  const readOther = async () => {
    const before = starts(wire.asked.get(1) ?? []).length
    await expect.poll(() => starts(wire.asked.get(1) ?? []).length, SOON).toBeGreaterThan(before + 1)
  }
  // What was under way when it left has ended by then.
  await readOther()
  const asked = wire.asked.get(2)?.length
  await readOther()
  expect(wire.asked.get(2)?.length).toBe(asked)
  expect(gateway.field.meter('M1')?.device.health).toBe(health)
  expect(gateway.field.schedule.status()).toMatchObject([{ devices: 1 }])
  ledger.close()
})

it('normalises by a ratio as soon as it is written down, and reads points that are planned not at all', async () => {
  const wire = await startWire()
  const meter = { id: 'M1', line: 'one', unit: 1, profile: 'acrel-adl400-dtsd1352' }
  const { gateway, directory } = await startSite([{ id: 'one', port: wire.port }], [meter])
  const ratio = async () => (await gateway.latest.latestOf({ point: 'P-M1' })).map((reading) => reading.ratio)
  await expect.poll(ratio, SOON).toContain('1')
  const device = gateway.field.meter('M1')?.device
  const ledger = ledgerIn(directory)
  expect(ledger.apply([{ kind: 'point', id: 'P-M1', from: null, set: { ct: '400/5' } }], act(Date.now()))).toMatchObject({ ok: true })
  await expect.poll(ratio, SOON).toContain('80')
  expect(gateway.field.meter('M1')?.device).toBe(device)
  ledger.apply([{ kind: 'point', id: 'P-M1', from: null, set: { state: 'archived' } }], act(Date.now()))
  await expect.poll(() => gateway.field.meter('M1'), SOON).toBeNull()
  ledger.close()
})

it('opens a line that stands in the ledger alone', async () => {
  const [one, two] = [await startWire(), await startWire()]
  const { directory, gateway } = await startSite([{ id: 'one', port: one.port }], [{ id: 'M1', line: 'one', unit: 1 }])
  const ledger = ledgerIn(directory)
  const channel: Patch = { kind: 'channel', id: 'L2', from: null, set: { transport: `tcp://127.0.0.1:${two.port}`, framing: 'tcp' } }
  expect(ledger.apply([channel, ...patchesOf({ id: 'M2', line: 'L2', unit: 5 })], act(Date.now())).ok).toBe(true)
  await expect.poll(() => two.asked.get(5)?.length ?? 0, SOON).toBeGreaterThan(0)
  expect(gateway.field.lines.map(({ config }) => config.id)).toEqual(['one', 'L2'])
  ledger.close()
})

it('changes the period of a task, and ends one that is gone', async () => {
  const wire = await startWire()
  const lines = [{ id: 'one', port: wire.port }]
  const { gateway, write, said } = await startSite(lines, [{ id: 'M1', line: 'one', unit: 1 }])
  await expect.poll(() => wire.asked.get(1)?.length ?? 0, SOON).toBeGreaterThan(1)
  write(gatewayOf(lines, { tasks: [{ id: 'current', read: 'current', every: '1h' }] }))
  await expect.poll(() => gateway.field.schedule.status()[0]?.everyMs, SOON).toBe(3_600_000)
  expect(said.some((line) => line.includes('task current goes on this way'))).toBe(true)
  write(gatewayOf(lines, { tasks: [{ id: 'other', read: 'current', every: '1s' }] }))
  // The former one may still read: an hour may begin just now.
  await expect.poll(() => gateway.field.schedule.status().map(({ id }) => id), SOON).toEqual(['other'])
  const before = wire.asked.get(1)?.length ?? 0
  await expect.poll(() => wire.asked.get(1)?.length ?? 0, SOON).toBeGreaterThan(before + 1)
  const { due, read, missed } = gateway.field.schedule.totals()
  expect(due - read - missed).toBeLessThanOrEqual(1)
})

it('lets the exchange under way end when its line is removed, and keeps what it brought', async () => {
  const [one, two] = [await startWire(), await startWire()]
  const lines = [
    { id: 'one', port: one.port },
    { id: 'two', port: two.port },
  ]
  const meters = [
    { id: 'M1', line: 'one', unit: 1 },
    { id: 'M2', line: 'two', unit: 2 },
  ]
  const { gateway, write } = await startSite(lines, meters, {
    ledger: 'ledger.yaml',
    tasks: [{ id: 'current', read: 'current', every: '1h' }],
  })
  await expect.poll(() => gateway.field.meter('M2')?.device.health.read, SOON).toBe(1)
  two.delayMs = 900
  const asked = two.asked.get(2)?.length ?? 0
  const reading = gateway.field.readNow('M2', null, AbortSignal.timeout(20_000))
  await expect.poll(() => two.asked.get(2)?.length ?? 0, SOON).toBeGreaterThan(asked)
  const { ledger: _, ...more } = gatewayOf([{ id: 'one', port: one.port }])
  write(more)
  const reloaded = await gateway.reload('test')
  expect(reloaded).toMatchObject({
    ok: true,
    changes: expect.arrayContaining([expect.objectContaining({ path: 'lines/two', effect: 'at-once' })]),
  })
  expect(gateway.field.lines.map(({ config }) => config.id)).toEqual(['one'])
  expect(await reading).toMatchObject({ ok: true })
  expect(gateway.field.meter('M2')).toBeNull()
})

it('uses no file that is wrong, says where once, and takes it up when it is mended', async () => {
  const wire = await startWire()
  const lines = [{ id: 'one', port: wire.port }]
  const { gateway, files, write, text, said, api } = await startSite(lines, [{ id: 'M1', line: 'one', unit: 1 }])
  const good = text()
  writeFileSync(files.gateway, good.replace('every: 1s', 'every: 7s').replace('port: 0', 'prot: 0'))
  const part = async () => (await api('/health/ready')).body.parts.find(({ part: name }: { part: string }) => name === 'configuration')
  await expect.poll(part, SOON).toMatchObject({ state: 'degraded' })
  const { body } = await api('/api/v1/config')
  expect(body.wrong.problems).toContainEqual(expect.objectContaining({ file: files.gateway, line: 7, column: 3, path: '/http/prot' }))
  expect(said.filter((line) => line.includes('gateway.yaml:7:3'))).toHaveLength(1)
  expect(gateway.field.schedule.status()).toMatchObject([{ everyMs: 1000 }])
  expect(await api('/api/v1/config/reload', { method: 'POST' })).toMatchObject({ status: 422, body: { code: 'API_CONFIG' } })
  write(gatewayOf(lines, { tasks: [{ id: 'current', read: 'current', every: '2s' }] }))
  await expect.poll(() => gateway.field.schedule.status()[0]?.everyMs, SOON).toBe(2000)
  expect(await part()).toMatchObject({ state: 'ok' })

  writeFileSync(files.ledger, 'version: 1\npoints: []\nmeters:\n  - id: M1\n    point: nowhere\n')
  await expect.poll(part, SOON).toMatchObject({ state: 'degraded' })
  expect(gateway.field.meter('M1')).not.toBeNull()
})

it('says what needs a restart and does the rest', async () => {
  const wire = await startWire()
  const lines = [{ id: 'one', port: wire.port }]
  const { gateway, write, api, said } = await startSite(lines, [{ id: 'M1', line: 'one', unit: 1 }])
  write(gatewayOf(lines, { http: { port: 18_645 }, log: { level: 'debug' } }))
  const { body } = await api('/api/v1/config/reload', { method: 'POST' })
  expect(body).toMatchObject({
    version: 2,
    changes: [{ path: 'logLevel', before: 'info', after: 'debug', effect: 'at-once' }],
    pending: [{ path: 'http/port', before: 0, after: 18_645, effect: 'restart' }],
  })
  expect(said.filter((line) => line.includes('needs a restart'))).toHaveLength(1)
  expect((await api('/api/v1/config')).body.pending).toHaveLength(1)
  expect((await api('/api/v1/config/versions')).body.items).toMatchObject([
    { version: 2, because: 'API (GRIDTALLY_TOKEN)' },
    { version: 1 },
  ])
  expect((await gateway.reload('test')).ok).toBe(true)
  expect(said.filter((line) => line.includes('needs a restart'))).toHaveLength(1)
})

it('takes a thousand meters without holding up a running line', async () => {
  const [one, two] = [await startWire(), await startWire()]
  const { gateway, directory } = await startSite(
    [
      { id: 'one', port: one.port },
      { id: 'two', port: two.port },
    ],
    [{ id: 'M1', line: 'one', unit: 1 }],
    { tasks: [{ id: 'fast', read: 'current', every: '1s', meters: { lines: ['one'] } }] },
  )
  await expect.poll(() => one.asked.get(1)?.length ?? 0, SOON).toBeGreaterThan(1)
  const keepsPeriod = watchPeriod(gateway, 'M1')
  const ledger = ledgerIn(directory)
  const all = Array.from({ length: 1000 }, (_, at) => at)
  const patches: Patch[] = all.flatMap((at) => [
    { kind: 'point', id: `P-X${at}`, from: null, set: { name: 'x' } },
    {
      kind: 'meter',
      id: `X${at}`,
      from: null,
      set: { point: `P-X${at}`, line: at < 247 ? 'two' : 'nowhere', address: String(1 + at), profile: PROFILE },
    },
  ])
  const channel: Patch = { kind: 'channel', id: 'nowhere', from: null, set: { name: 'to come' } }
  const applied = ledger.apply([channel, ...patches], act(Date.now()))
  expect(applied).toMatchObject({ ok: true })
  await expect.poll(() => gateway.field.meter('X246'), SOON).not.toBeNull()
  await expect.poll(() => starts(one.asked.get(1) ?? []).length, SOON).toBeGreaterThan(5)
  keepsPeriod()
  ledger.close()
})
