import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, expect, it, vi } from 'vitest'
import { ledgerCommands } from '../../src/cli/ledger.ts'
import { scratch } from '../support/processes.ts'

afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
})

const site = () => {
  const directory = scratch()
  const file = join(directory, 'gateway.yaml')
  writeFileSync(
    file,
    `version: 1
gateway: { id: site-1, timezone: Asia/Shanghai }
lines: [{ id: hall, transport: { kind: tcp, host: 127.0.0.1, port: 502 } }]
tasks: []
`,
  )
  /** Runs a command as typed; its output. */
  const run = async (...words: readonly string[]): Promise<string> => {
    let said = ''
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      said += String(text)
      return true
    })
    try {
      const program = new Command('gridtally').exitOverride()
      ledgerCommands(program)
      const writes = ['undo', 'set', 'exchange', 'acknowledge', 'checklist', 'state'].includes(words[0] ?? '')
      await program.parseAsync(['ledger', ...words, '-c', file, ...(writes && !words.includes('--who') ? ['--who', 'wang'] : [])], {
        from: 'user',
      })
    } finally {
      spy.mockRestore()
    }
    return said.trimEnd()
  }
  return run
}
const meter = ['address=000000000001', 'line=hall', 'profile=dlt645-2007/three-phase']

it('makes entries, changes them from a date on, and shows them as they were', async () => {
  const run = site()
  expect(await run('set', 'area', 'A', 'name=东村')).toBe('change 1: area A added')
  expect(await run('set', 'point', 'P1', 'area=A', 'ct=400/5')).toBe('change 2: point P1 added')
  await run('set', 'meter', 'M1', 'point=P1', ...meter)
  expect(
    await run('set', 'point', 'P1', 'ct=600/5', '--from', '2026-03-01T00:00:00+08:00', '--work-order', 'WO-1', '--why', 'CT replaced'),
  ).toBe('change 4: point P1 changed')
  expect(await run('set', 'point', 'P1', 'ct=600/5', '--from', '2026-03-02T00:00:00+08:00')).toBe('it is so already')
  expect(JSON.parse(await run('show', 'point', 'P1', '--as-of', '2026-02-28T00:00:00+08:00', '--json'))).toMatchObject({
    attributes: { ct: '400/5' },
  })
  expect(await run('show', 'points', '--where', 'area=A')).toBe('P1  area=A ct=600/5')
  expect(await run('history', 'point', 'P1')).toBe(
    [
      'attribute  value  from                  to                    change',
      'area       A      always                                      2',
      'ct         400/5  always                2026-02-28T16:00:00Z  2',
      'ct         600/5  2026-02-28T16:00:00Z                        4',
    ].join('\n'),
  )
  expect(await run('changes', '--work-order', 'WO-1')).toMatch(/^change .*\n4 .* edit +wang +WO-1 +1 +CT replaced$/)
  expect(await run('change', '4')).toContain('~ point P1 since 2026-02-28T16:00:00Z: ct 400/5 -> 600/5')
  expect(await run('undo', '4', '--why', 'wrong site', '--dry-run')).toBe('change 4 can be taken back')
  expect(await run('undo', '4', '--why', 'wrong site')).toBe('change 4 is taken back by change 5')
  expect(await run('show', 'point', 'P1')).toContain('400/5')
})

it('refuses with every problem, its place and its cure', async () => {
  const run = site()
  await run('set', 'point', 'P1', 'name=mill')
  await run('set', 'meter', 'M1', 'point=P1', ...meter)
  await expect(run('set', 'meter', 'M2', 'point=P1', ...meter)).rejects.toThrow(
    /meter M2: meter M2 would be at point P1 since always, where the ledger has meter M1 since always[\s\S]*LEDGER_POINT_TAKEN: one point, one meter[\s\S]*LEDGER_ADDRESS_TAKEN[\s\S]*nothing was changed/,
  )
  await expect(run('set', 'meter', 'M2', 'address=12x', 'line=hall', 'profile=dlt645-2007/three-phase')).rejects.toThrow(/LEDGER_ADDRESS/)
  await expect(run('set', 'point', 'P1', 'name=x', '--version', '9')).rejects.toThrow('LEDGER_STALE point P1 is at version 1')
  await expect(run('set', 'planet', 'P1', 'name=x')).rejects.toThrow('"planet" is no kind; allowed: zone, feeder')
  await expect(run('show', 'point', 'P9')).rejects.toThrow('there is no point P9')
  await expect(run('show', 'point', 'P1', '--as-of', '2026-02-31T00:00:00+08:00')).rejects.toThrow('--as-of is "2026-02-31')
  expect(await run('set', 'point', 'P1', 'ct=0', '--dry-run')).toContain('allowed: a ratio above 0')
  expect(process.exitCode).toBe(1)
})

it('writes an exchange, lists it, and billing acknowledges it', async () => {
  const run = site()
  await run('set', 'point', 'P1', 'ct=80')
  await run('set', 'meter', 'M1', 'point=P1', ...meter)
  const papers = ['--at', '2026-08-10T10:30:00+08:00', '--end', '12345.67', '--by', 'Wang', 'Li', '--reason', 'burnt']
  expect(await run('exchange', 'P1', '--meter', 'M7', '--set', 'address=000000000077', '--start', '0.03', ...papers, '--dry-run')).toBe(
    [
      '~ meter M1 since 2026-08-10T02:30:00Z: point P1 -> -',
      '+ meter M7 since 2026-08-10T02:30:00Z: line - -> hall, profile - -> dlt645-2007/three-phase, address - -> 000000000077, point - -> P1',
    ].join('\n'),
  )
  expect(await run('exchange', 'P1', '--meter', 'M7', '--set', 'address=000000000077', '--start', '0.03', ...papers)).toBe(
    'exchange 1, change 3: meter at P1 M1 -> M7 at 2026-08-10T02:30:00Z; billing has to acknowledge it',
  )
  expect(await run('exchanges', '--unacknowledged')).toMatch(
    /1 +meter at P1 M1 -> M7 at .* 12345\.67 +0\.03 +Wang, Li +not acknowledged +\d+ d$/,
  )
  expect(await run('acknowledge', '1', '--who', 'billing')).toBe('exchange 1 is acknowledged by billing')
  expect(JSON.parse(await run('exchanges', '--unacknowledged', '--json'))).toEqual([])
  await expect(run('exchange', 'P1', '--ct', '100', '--pt', '10', ...papers)).rejects.toThrow('one of --meter, --ct, --pt')
})

it('takes a point into service by its check-list, and knows what is due', async () => {
  const run = site()
  await run('set', 'area', 'A', 'name=a')
  await run('set', 'point', 'P1', 'state=planned', 'area=A')
  await run('set', 'meter', 'M1', 'point=P1', 'verifyBy=2026-01-01', ...meter)
  expect(await run('due')).toMatch(/^meter +M1 +2026-01-01 +P1/)
  await expect(run('state', 'P1', 'trial', '--why', 'x')).rejects.toThrow('point P1 is planned; the next step is installed, not trial')
  await run('state', 'P1', 'installed', '--why', 'wired')
  await run('state', 'P1', 'trial', '--why', 'trial begins')
  await expect(run('state', 'P1', 'in-service', '--why', 'done')).rejects.toThrow(/multiplier: a person must confirm it/)
  for (const item of ['communication', 'register', 'phase-order', 'clock', 'area']) await run('checklist', 'P1', item)
  await run('checklist', 'P1', 'multiplier', '--wrong', '--note', 'plate says 80')
  expect(await run('checklist', 'P1')).toContain('multiplier     open  wang found it wrong: plate says 80')
  await run('checklist', 'P1', 'multiplier')
  expect(await run('state', 'P1', 'in-service', 'energisedOn=2026-08-01', 'startRegister=0.00', '--why', 'done')).toMatch(
    /^change \d+: point P1 is in-service$/,
  )
  await run('state', 'P1', 'trial', '--why', 'wrong after all')
  await run('state', 'P1', 'archived', '--why', 'demolished')
  expect(await run('show', 'meter', 'M1')).not.toContain('point')
})
