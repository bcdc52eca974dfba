import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { adapterOf } from '../../protocols/index.ts'
import { startModbusTcpMeter } from '../../simulators/meters.ts'
import { bindProtocol, type Line, openLine, Poller } from '../../src/acquisition/index.ts'
import { lineOf } from '../../src/config/index.ts'
import { systemClock } from '../../src/core/index.ts'
import { openProfiles } from '../../src/gateway/profiles.ts'
import { type FoundStranger, ScanJobs, type ScannedLine } from '../../src/gateway/scan-jobs.ts'
import { everyProfile } from '../../src/gateway/scan-start.ts'
import { Ledger } from '../../src/ledger/index.ts'
import { tcpTransport } from '../../src/transport/index.ts'
import { type MixedBus, serveMixed } from '../support/scan-bus.ts'

const profiles = openProfiles(null)

const ledgerHere = (): Ledger => {
  const directory = mkdtempSync(join(tmpdir(), 'scan-'))
  const ledger = new Ledger(directory)
  onTestFinished(() => {
    ledger.close()
    rmSync(directory, { recursive: true })
  })
  return ledger
}

const lineHere = async (port: number, isNumbered: boolean, known: readonly { address: string; meter: string }[] = []) => {
  const config = lineOf({ id: 'hall', transport: { kind: 'tcp', host: '127.0.0.1', port }, modbus: isNumbered ? 'tcp' : 'rtu' })
  const line: Line = openLine(tcpTransport({ host: '127.0.0.1', port }), { id: 'hall' }, isNumbered)
  onTestFinished(() => line.close())
  await line.ready()
  const poller = new Poller(line, systemClock)
  const meters = known.map((fact) => ({ fact }) as unknown as ScannedLine['meters'][number])
  return { config, line, poller, meters } satisfies ScannedLine
}

const jobsOf = (line: ScannedLine, ledger: Ledger | null = null) => {
  const strangers: FoundStranger[] = []
  const jobs = new ScanJobs({
    clock: systemClock,
    adapterOf,
    lines: () => [line],
    profiles: () => everyProfile(profiles),
    apply: async (patches, act) => {
      if (!ledger) throw new Error('no ledger')
      return ledger.apply(patches, act)
    },
    onStranger: (found) => void strangers.push(found),
    log: () => undefined,
  })
  onTestFinished(() => jobs.close())
  return { jobs, strangers }
}

const ended = async (jobs: ScanJobs, id: number): Promise<NonNullable<ReturnType<ScanJobs['scan']>>> => {
  for (const deadline = Date.now() + 90_000; Date.now() < deadline; ) {
    const scan = jobs.scan(id)
    if (scan && scan.state !== 'running') return scan
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('the scan does not end')
}

const BUS: MixedBus = {
  units: { 1: 'eastron-sdm120', 2: 'eastron-sdm630' },
  dlt645: [{ address: '202608150001' }, { address: '202608150002' }],
}
const PACE = { reactionMs: [3, 6] } as const

it('scans a line that is read meanwhile, and puts what it found into the ledger', async () => {
  const bus = await serveMixed(BUS, PACE)
  onTestFinished(() => bus.close())
  const line = await lineHere(bus.port, false, [{ address: '1', meter: 'M1' }])
  const ledger = ledgerHere()
  const { jobs, strangers } = jobsOf(line, ledger)
  const adapter = adapterOf('modbus', 'rtu')!
  const device = bindProtocol(adapter, line.line)({ id: 'M1', address: '1', profile: profiles.get('eastron-sdm120')!, reactionMs: 500 })
  const plan = device.plan({ kind: 'current' })
  if (!plan.ok) throw new Error(plan.error.message)
  const started = jobs.startScan('hall', { mode: 'quick', units: '1-6' })
  expect(started).toMatchObject({ ok: true, value: { id: 1, state: 'running' } })
  expect(jobs.startScan('hall', { mode: 'quick' })).toMatchObject({ ok: false, error: { error: { code: 'SCAN_RUNNING' } } })
  // The schedule goes on: its reads come back meanwhile.
  let reads = 0
  const polling = (async () => {
    while (jobs.scan(1)?.state === 'running') {
      const read = await line.poller.read(device, plan.value, { priority: 'current' })
      expect(read.ok).toBe(true)
      reads++
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  const scan = await ended(jobs, 1)
  await polling
  expect(scan.error).toBeNull()
  expect(Object.fromEntries(scan.meters.map(({ address, known, profile }) => [address, known ?? profile]))).toEqual({
    1: 'M1',
    2: 'eastron-sdm630',
    202608150001: 'dlt645-2007/single-phase',
    202608150002: 'dlt645-2007/single-phase',
  })
  expect(reads).toBeGreaterThan(20)
  expect(strangers.map(({ address }) => address).sort()).toEqual(['2', '202608150001', '202608150002'])
  expect(strangers[0]?.register).toMatchObject({ obis: '1-0:1.8.0', unit: 'kWh' })
  expect(jobs.scanEvents(1, 0)?.at(-1)).toMatchObject({ kind: 'end' })

  const accepted = await jobs.acceptScan(1, { why: 'new building', who: 'li', workOrder: 'WO-7', prefix: 'b3' })
  expect(accepted).toMatchObject({ ok: true, value: { left: [{ address: '1' }] } })
  expect(ledger.get('meter', 'b3-202608150002', null)?.attributes).toMatchObject({
    address: '202608150002',
    line: 'hall',
    point: 'b3-202608150002-p',
    profile: 'dlt645-2007/single-phase',
  })
  expect(ledger.get('point', 'b3-2-p', null)?.attributes).toMatchObject({ state: 'installed', phase: 'L123' })
  expect(ledger.changes({ limit: 1 })).toMatchObject([{ what: 'scan', who: 'li', why: 'new building', workOrder: 'WO-7' }])
  expect(await jobs.acceptScan(1, { why: 'again', who: 'li', workOrder: null, rows: [{ address: '77' }] })).toMatchObject({
    ok: false,
    error: { error: { code: 'SCAN_ROWS' } },
  })
})

it('scans a line of numbered requests', async () => {
  const server = await startModbusTcpMeter({ profile: 'chint-dtsu666', units: [3, 9] })
  onTestFinished(() => server.close())
  const { jobs } = jobsOf(await lineHere(server.port, true))
  expect(jobs.startScan('hall', { mode: 'quick', units: '1-12' }).ok).toBe(true)
  const scan = await ended(jobs, 1)
  expect(scan.meters.map(({ protocol, address, profile }) => [protocol, address, profile])).toEqual([
    ['modbus-tcp', '3', 'chint-dtsu666'],
    ['modbus-tcp', '9', 'chint-dtsu666'],
  ])
})

it('stops, and refuses what cannot be scanned', async () => {
  const bus = await serveMixed(BUS, PACE)
  onTestFinished(() => bus.close())
  const line = await lineHere(bus.port, false)
  const { jobs } = jobsOf(line)
  expect(jobs.startScan('nowhere', { mode: 'quick' })).toMatchObject({ ok: false, error: { because: 'unknown' } })
  expect(jobs.startScan('hall', { mode: 'quick', units: '0-9' })).toMatchObject({ ok: false, error: { error: { code: 'SCAN_UNITS' } } })
  jobs.startScan('hall', { mode: 'thorough' })
  jobs.stopScan(1)
  expect(await ended(jobs, 1)).toMatchObject({ state: 'stopped' })
  line.line.close()
  expect(jobs.startScan('hall', { mode: 'quick' })).toMatchObject({ ok: false, error: { because: 'line-down' } })
})
