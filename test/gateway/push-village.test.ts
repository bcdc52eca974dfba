import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { parse, stringify } from 'yaml'
import { PUSH_MIX, startVillage, writeVillageFiles } from '../../simulators/index.ts'
import { scaledClock } from '../../src/core/index.ts'
import { runGateway, scratch } from '../support/processes.ts'

interface Row {
  readonly meter: string
  readonly register: string
  readonly value: string | null
  readonly unit: string
  readonly fault: string | null
}

interface ReadingJson {
  readonly measurement: string
  readonly source: string
  readonly quality: readonly string[]
  readonly values: readonly { readonly obis: string; readonly value: string }[]
}

/** Sources say Wh and W, the store kWh and kW. */
const asStored = ({ value, unit }: Row): string => (Number(value) / (/^(Wh|varh|W|var|VA)$/.test(unit) ? 1000 : 1)).toFixed(6)

it('stores what pushing meters of every family said, and nothing else', async () => {
  const directory = scratch()
  const start = Date.parse('2026-11-20T10:00:00+08:00')
  const realStart = Date.now()
  const clock = scaledClock(start, realStart, 30)
  const village = await startVillage({ seed: 9, meters: 44, out: directory, clock, lines: { ...PUSH_MIX, mqtt: 40 }, everyMs: 60_000 })
  onTestFinished(() => village.close())
  const files = writeVillageFiles(village, directory, { clock: { start, realStart, speed: 30 }, every: '1h' })
  const config = parse(readFileSync(files.gateway, 'utf8'))
  config.tasks = []
  writeFileSync(files.gateway, stringify(config))
  const pushing = village.meters.filter(({ line }) => line.startsWith('push'))
  expect(new Set(pushing.map(({ profile }) => profile)).size).toBeGreaterThan(8)
  const gateway = await runGateway(files.gateway)
  const latestOf = async (point: string) =>
    ((await gateway.get(`/api/v1/points/${point}/latest`)) as { readings?: ReadingJson[] }).readings ?? []
  const registered = async (point: string) =>
    (await latestOf(point)).some(({ measurement, source }) => measurement === 'register' && source === 'push')
  await expect
    .poll(async () => (await Promise.all(pushing.map(({ point }) => registered(point)))).filter(Boolean).length, {
      timeout: 60_000,
      interval: 500,
    })
    .toBe(pushing.length)
  const said = new Map<string, Set<string>>()
  // The truth row is on the disk before a message leaves, so that it is read after the answers.
  const answers = await Promise.all(pushing.map(async ({ id, point, profile }) => ({ id, profile, readings: await latestOf(point) })))
  for (const line of readFileSync(join(directory, 'truth.jsonl'), 'utf8').split('\n')) {
    if (!line.endsWith('}')) continue
    const row: Row = JSON.parse(line)
    if (row.value === null) continue
    const key = `${row.meter} ${row.register}`
    said.set(key, (said.get(key) ?? new Set()).add(asStored(row)))
  }
  let compared = 0
  for (const { id, profile, readings } of answers)
    for (const { source, measurement, values, quality } of readings) {
      // What is measured now is primary in the store, and secondary in the truth of a meter behind transformers.
      if (source !== 'push' || measurement !== 'register') continue
      expect(quality, `${id} ${profile}`).toEqual(['good'])
      for (const { obis, value } of values) {
        expect([...(said.get(`${id} ${obis}`) ?? [])], `${id} ${profile} ${obis}`).toContain(Number(value).toFixed(6))
        compared++
      }
    }
  expect(compared).toBeGreaterThan(40)
  expect(await gateway.stop()).toBe(0)
})
