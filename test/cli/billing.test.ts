import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { billingPlace, MONTHS, pointId, rawsOf } from '../gateway/billing-book-site.ts'
import { gridtally, runGateway } from '../support/processes.ts'

const POINTS = 6
const [FROM = 0, AT = 0] = MONTHS
const at = new Date(AT).toISOString()
/** What a register shows, hundredths of a kWh. */
const shown = (raw: number) => (raw / 100).toFixed(2)

it('gridtally billing: readings, energy, completeness, release and changes of a running gateway', async () => {
  const place = await billingPlace(POINTS, { months: MONTHS.slice(0, 2), billing: { cycles: [{ id: 'all', day: 1 }] } })
  const gateway = await runGateway(place.file)
  onTestFinished(async () => void (await gateway.stop()))
  const billing = (...args: string[]) =>
    gridtally(['billing', ...args, '--url', gateway.address], { env: { GRIDTALLY_TOKEN: place.token } })

  const readings = await billing('readings', '--at', at, '--csv')
  expect([readings.code, readings.stderr]).toEqual([0, `${POINTS} points: 0 released, ${POINTS} provisional, 0 held, 0 withdrawn\n`])
  expect(readings.stdout.trimEnd().split('\r\n')).toHaveLength(1 + 2 * POINTS)

  const energy = await billing('energy', '--from', new Date(FROM).toISOString(), '--to', at, '--point', pointId(3), '--json')
  const line: { readonly registers: readonly unknown[] } = JSON.parse(energy.stdout.split('\n')[0] ?? '')
  expect(line.registers[0]).toMatchObject({ register: '1.8.0', energy: shown(rawsOf(3, 1)[0] - rawsOf(3, 0)[0]) })

  const before = await billing('completeness', '--at', at, '--by', 'zone')
  expect(before.stdout).toMatch(/^Z-1 +3 +0 +3 +0 +0 +0/m)
  expect(before.stderr).toBe(`not complete: ${POINTS} of ${POINTS} not released\n`)
  const open = await billing('cycles', 'all', '--month', '2026-04')
  expect(open.code).toBe(1)
  expect(open.stdout).toContain(`of ${POINTS} points 0 are held, ${POINTS} could be released and are not`)
  expect(open.stdout).toMatch(new RegExp(`^${pointId(0)} \\(A-1\\): could be released$`, 'm'))
  expect((await billing('release', '--at', at, '--note', 'April')).code).toBe(0)
  const whole = await billing('cycles', 'all', '--month', '2026-04')
  expect([whole.code, whole.stdout]).toEqual([0, expect.stringContaining(`all ${POINTS} points stand released`)])
  const month = await billing('cycles', 'all', '--month', '2199-01')
  expect([month.code, month.stderr]).toEqual([1, expect.stringContaining('has not passed')])
  const after = await billing('completeness', '--at', at)
  expect(after.stdout).toMatch(/^all +6 +6 +0 +0 +0 +0/m)
  expect(after.stderr).toBe('complete: every point is released\n')
  const changes = await billing('changes', '--json')
  expect(changes.stdout.trimEnd().split('\n')).toHaveLength(2 * POINTS)

  // Both ends of one point of two are released; nobody has energy by day of readings that were written beside the gateway.
  const span = ['--from', new Date(FROM).toISOString(), '--to', at]
  const report = await billing('report', 'C-1', ...span, '--keep', 'call-back')
  expect([report.code, report.stderr]).toEqual([1, ''])
  expect(report.stdout).toMatch(/^kept as report 1$/m)
  expect(report.stdout).toMatch(/^1\.8\.0 +\d+\.\d\d kWh +\d+\.\d\d kWh +2 of 2 +provisional +0 %/m)
  expect(report.stdout).toContain('! 1.8.0: 2 of 2 points are not released')
  const page = join(place.directory, 'report.html')
  expect((await billing('reports', '1', '--page', page, '--lang', 'zh')).code).toBe(0)
  expect(readFileSync(page, 'utf8')).toContain('客户用电报告')
  expect((await billing('reports')).stdout).toMatch(/^1 +C-1 .* call-back +no/m)
  const nobody = await billing('report', 'C-9')
  expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining('there is no customer')])

  const refused = await billing('readings', '--at', 'yesterday')
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('querystring/at')])
})
