import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it, onTestFinished, vi } from 'vitest'
import { follow } from '../../examples/billing-follow.ts'
import { billingPlace, MONTHS, pointId, rawsOf } from '../gateway/billing-book-site.ts'
import { patient, runGateway } from '../support/processes.ts'

const POINTS = 40
const [, AT = 0] = MONTHS
const at = new Date(AT).toISOString()
const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))
/** What a register shows, hundredths of a kWh. */
const shown = (raw: number) => (raw / 100).toFixed(2)

/** A gateway on which a month was released, and a way to run programs against it. */
const released = async () => {
  const place = await billingPlace(POINTS, { months: MONTHS.slice(0, 2) })
  const gateway = await runGateway(place.file)
  onTestFinished(async () => void (await gateway.stop()))
  const ask = async (path: string, body?: object): Promise<{ id: number; state: string }> => {
    const headers = { authorization: `Bearer ${place.token}`, ...(body ? { 'content-type': 'application/json' } : {}) }
    const sent = body ? { method: 'POST', body: JSON.stringify(body) } : {}
    const answer = await patient(`${gateway.address}/api/v1${path}`, { headers, ...sent })
    if (!answer.ok) throw new Error(await answer.text())
    return (await answer.json()) as { id: number; state: string }
  }
  const { id } = await ask('/billing/releases', { at, note: 'April' })
  await vi.waitFor(async () => expect((await ask(`/billing/releases/${id}`)).state).toBe('done'), { timeout: 60_000, interval: 50 })
  const run = (command: string, args: readonly string[]) =>
    promisify(execFile)(command, args, { env: { ...process.env, GRIDTALLY_TOKEN: place.token } })
  return { place, address: gateway.address, run }
}

it('the examples of a billing system have every released figure', async () => {
  const { place, address, run } = await released()

  const lines = join(place.directory, 'april.ndjson')
  expect((await run(example('billing-readings.sh'), [address, at, lines])).stdout).toBe(`${POINTS} points in ${lines}\n`)
  const points = readFileSync(lines, 'utf8').trimEnd().split('\n')
  expect(points).toHaveLength(POINTS + 1)
  expect(JSON.parse(points[7] ?? '')).toMatchObject({
    ...{ point: pointId(7), state: 'released', registers: [{ register: '1.8.0', value: shown(rawsOf(7, 1)[0]) }, { register: '2.8.0' }] },
  })
  await expect(run(example('billing-readings.sh'), [address, 'yesterday', lines])).rejects.toThrow(/API_VALUE|Command failed/)

  const database = join(place.directory, 'figures.db')
  const python = () => run('python3', [example('billing_follow.py'), address, database, '--once'])
  const first = await python()
  expect(first.stdout).toMatch(new RegExp(`^${2 * POINTS} figures, up to change \\d+\n$`))
  expect((await python()).stdout).toBe(first.stdout)

  vi.stubEnv('GRIDTALLY_TOKEN', place.token)
  onTestFinished(() => void vi.unstubAllEnvs())
  const file = join(place.directory, 'figures.json')
  const { figures } = await follow(address, file, true)
  expect(Object.keys(figures)).toHaveLength(2 * POINTS)
  expect(figures[`${pointId(3)} ${at} 1.8.0`]).toMatchObject({ version: 1, value: shown(rawsOf(3, 1)[0]), ratio: '1' })
  expect((await follow(address, file, true)).figures).toEqual(figures)
})
