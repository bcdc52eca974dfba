import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { type ConcentratorJobView, listenApi } from '../../src/api/index.ts'
import { concentratorCommands } from '../../src/cli/concentrator.ts'
import { api, TOKENS } from '../api/fake.ts'
import { controlOf, fakeConcentrators, jobOf } from '../api/fake-concentrators.ts'
import { scratch } from '../support/processes.ts'

/** Runs `gridtally concentrator …` against an API where every job ends as given; what it printed, and what was asked for. */
const concentrator = async (args: readonly string[], ended: Partial<ConcentratorJobView> = {}, token = TOKENS.operate.text) => {
  const asked: { order?: object }[] = []
  let polls = 0
  const port = fakeConcentrators(asked)
  const { app } = await api({
    concentrators: {
      ...port,
      wait: async (_id, job) =>
        ({
          ok: true,
          value:
            ++polls < 3
              ? jobOf(job, { state: 'running', step: `step ${polls}`, done: polls, total: 3, endedAt: null, result: null })
              : jobOf(job, ended),
        }) as const,
      control: async (_id, act) => ({ ok: true, value: controlOf(act) }) as const,
    },
  })
  const url = await listenApi(app, { host: '127.0.0.1', port: 0 })
  const said: Record<'out' | 'err', string> = { out: '', err: '' }
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      said[stream === 'stdout' ? 'out' : 'err'] += String(text)
      return true
    }),
  )
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore()
  })
  const program = new Command()
  program.exitOverride()
  concentratorCommands(program)
  try {
    await program.parseAsync(['node', 'gridtally', 'concentrator', ...args, '--url', url, '--token', token])
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
  return { ...said, asked: asked.map(({ order }) => order) }
}

beforeEach(() => {
  process.exitCode = undefined
})
afterEach(() => {
  process.exitCode = undefined
})

it('lists concentrators and shows one', async () => {
  const { out } = await concentrator(['list'])
  expect(out.split('\n')[1]).toMatch(/^C-1 +Mill C-1 +A-1 +gw3761 +4510-21 +online +2026-08-15T11:01:00 +3 +1\/3 +7\.5 s/)
  expect(out).toContain('its protocol is missing')
  expect((await concentrator(['show', 'C-1'])).out).toContain('9 of 10 requests answered, 1 not in time')
  expect(JSON.parse((await concentrator(['list', '--offline', '--json'])).out).map(({ id }: { id: string }) => id)).toEqual(['C-2', 'C-3'])
})

it('shows the archive and how it differs', async () => {
  expect((await concentrator(['archive', 'show', 'C-1'])).out).toContain('(not in the ledger)')
  const { out } = await concentrator(['archive', 'diff', 'C-1'])
  expect(out).toContain('3 records, 1 as in the ledger, 1 only in the ledger, 1 only in the concentrator, 1 differ')
  expect(out).toMatch(/M-2 +differs +port 31, ledger 2/)
  await expect(concentrator(['archive', 'show', 'C-2'])).rejects.toMatchObject({
    message: /ARCHIVE_NOT_READ .*; read it first/,
    exitCode: 1,
  })
})

const record = { number: 2, address: '000000000002', meter: 'M-2', outcome: 'failed', code: 'GW_DENIED', message: 'denied', hint: 'look' }
const after = { records: 3, same: 2, onlyInLedger: 1, onlyInConcentrator: 0, differs: 0, second: 0, problems: 0 }

it('downloads with how far it is on standard error, names what failed, and ends with 1', async () => {
  const result = {
    done: 2,
    failed: 1,
    notSent: 0,
    after,
    records: [record, { ...record, number: 3, outcome: 'written', code: null }, { ...record, number: 4, outcome: 'unproved', code: null }],
  }
  const { out, err, asked } = await concentrator(['archive', 'download', 'C-1', '--why', 'order 7', '--meter', 'M-2', 'M-3'], {
    what: 'archive-download',
    result,
  })
  expect(asked).toEqual([{ what: 'archive-download', meters: ['M-2', 'M-3'] }])
  expect(err).toBe('job 1: 2 of 3, step 2\n')
  expect(out).toMatch(/^2 of 3 records written, 1 failed\n/)
  expect(out).toMatch(/2 +000000000002 +M-2 +failed +GW_DENIED denied/)
  expect(out).toContain('now 3 records, 2 as in the ledger, 1 only in the ledger')
  expect(process.exitCode).toBe(1)
})

it('does not wait in the background, and fails with a job that failed', async () => {
  expect((await concentrator(['archive', 'read', 'C-1', '--background'])).out).toBe(
    'job 1 is under way: gridtally concentrator job C-1 1\n',
  )
  const error = { code: 'TERMINAL_LOST', message: 'it went', recovery: 'wait', hint: 'wait', context: {} } as const
  await expect(concentrator(['archive', 'read', 'C-1'], { state: 'failed', error, result: null })).rejects.toMatchObject({
    message: 'job 1 failed: TERMINAL_LOST it went; wait',
    exitCode: 1,
  })
  await expect(concentrator(['archive', 'read', 'C-1'], { state: 'cancelled', result: null })).rejects.toMatchObject({
    message: 'job 1 cancelled',
  })
  await expect(concentrator(['archive', 'read', 'C-2'])).rejects.toMatchObject({
    message: /409: CONCENTRATOR_OFFLINE .*; it dials in by itself/,
  })
  await expect(concentrator(['archive', 'read', 'C-1'], {}, TOKENS.read.text)).rejects.toMatchObject({ message: /API_PERMISSION/ })
  expect((await concentrator(['jobs', 'C-1'])).out).toMatch(/3 +2026-08-15T11:00:00 +archive-read +done +3\/3 +operator +order 7/)
})

it('reads, compares and sets parameters from values and files', async () => {
  const outcome = {
    id: 'F1',
    pn: null,
    outcome: 'differs',
    value: { heartbeat: 5 },
    wanted: { heartbeat: 9 },
    differing: ['heartbeat'],
    code: null,
    message: null,
  }
  const compared = await concentrator(['parameters', 'compare', 'C-1', 'F1', '--value', '{"heartbeat":9}'], { result: [outcome] })
  expect(compared.out).toBe('F1: differs\n  heartbeat: 5\n  wanted heartbeat: 9\n')
  expect([compared.asked, process.exitCode]).toEqual([
    [{ what: 'parameters-compare', items: [{ id: 'F1', pn: null, value: { heartbeat: 9 } }] }],
    1,
  ])
  const file = join(scratch(), 'wanted.json')
  writeFileSync(file, '[{ "id": "F25", "pn": 3, "value": { "ct": 80 } }]')
  const set = await concentrator(['parameters', 'set', 'C-1', '--file', file, '--why', 'order 7'], {
    result: [{ ...outcome, outcome: 'set', differing: [] }],
  })
  expect(set.asked).toEqual([{ what: 'parameters-set', items: [{ id: 'F25', pn: 3, value: { ct: 80 } }] }])
  await expect(concentrator(['parameters', 'set', 'C-1', 'F1', '--why', 'order 7'])).rejects.toMatchObject({ exitCode: 2 })
  await expect(concentrator(['parameters', 'set', 'C-1', 'F1', '--value', '{', '--why', 'order 7'])).rejects.toMatchObject({
    message: /JSON, or @FILE/,
    exitCode: 2,
  })
  await expect(concentrator(['parameters', 'read', 'C-1'])).rejects.toMatchObject({ message: /name the parameters/, exitCode: 2 })
})

it('reads meters and takes anything apart', async () => {
  const value = { obis: '1-0:1.8.0', unit: 'kWh', value: '12.34', code: null }
  const own = { address: '000000000001', pn: 1, way: 'own', message: null }
  const result = [
    { ...own, meter: 'M-1', code: null, samples: [{ at: '2026-08-15T00:00:00', values: [value] }] },
    { ...own, meter: 'M-2', code: 'GW_NO_DATA', samples: [] },
  ]
  const read = await concentrator(['read', 'C-1', '--kind', 'day-freeze', '--nth', '2', '--register', '1.8.0'], { result })
  expect(read.asked).toEqual([{ what: 'read', read: 'day-freeze', nth: 2, registers: ['1.8.0'] }])
  expect(read.out).toMatch(/M-1 +own +2026-08-15T00:00:00 +1-0:1\.8\.0 +12\.34 kWh\nM-2 .*GW_NO_DATA/)
  expect(process.exitCode).toBe(1)
  const item = {
    item: '0C F25',
    label: { en: 'voltages', zh: '电压' },
    meter: { pn: 1 },
    facts: [{ name: 'ua', value: null, unit: 'V' }],
    raw: 'EE',
  }
  expect((await concentrator(['ask', 'C-1', '0C F25', '--meter', 'M-1'], { result: [item] })).out).toBe(
    '0C F25 of point 1  voltages (电压)\n  ua  -\n  raw EE\n',
  )
})

it('asks for control, and what is not done ends with 1', async () => {
  const { out, asked } = await concentrator(['control', 'request', 'C-1', 'trip', '--meter', 'M-1', '--why', 'order 7'])
  expect(out).toContain('another person confirms it until 2026-08-15T11:10:00.000Z')
  expect(asked).toEqual([{ act: 'trip', meter: 'M-1', why: 'order 7' }])
  expect((await concentrator(['control', 'confirm', 'C-1', '3'])).out).toContain('done')
  expect(process.exitCode).toBeUndefined()
  expect((await concentrator(['control', 'withdraw', 'C-1', '3', '--why', 'mistake'])).out).toContain('withdrawn')
  await expect(concentrator(['control', 'confirm', 'C-1', 'x'])).rejects.toMatchObject({ exitCode: 2 })
})

it('shows events, routes, clock and strangers', async () => {
  expect((await concentrator(['events', 'list', 'C-1'])).out).toMatch(/M-1 +erc-10 +begin +ua 0\.0, ub -/)
  expect((await concentrator(['routes', 'show', 'C-1'])).out).toMatch(/M-1 +000000000001 +1 +12 +L1 +-/)
  expect((await concentrator(['clock', 'show', 'C-1'])).out).toMatch(/: \+90\.5 s ± 0\.5 s at/)
  expect((await concentrator(['unknown', 'list'])).out).toMatch(/gw3761 +4510-99 +10\.7\.0\.1:4 .* 7/)
  expect((await concentrator(['unknown', 'adopt', '4510-99', '--id', 'C-9', '--why', 'order 7'])).out).toContain(
    '4510-99 is concentrator C-9',
  )
})
