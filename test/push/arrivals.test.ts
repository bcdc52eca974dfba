import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { OpenFile } from '../../src/push/append-log.ts'
import { Generations, openArrivals } from '../../src/push/arrivals.ts'
import { scratch } from '../support/processes.ts'
import { MoodyDisk, START } from './support.ts'

const opened = async (path: string, options: { generation?: number; maxBytes?: number; openFile?: OpenFile } = {}) => {
  const arrivals = await openArrivals({ path, ...options })
  if (!arrivals.ok) throw new Error(arrivals.error.message)
  onTestFinished(() => arrivals.value.close())
  return arrivals.value
}
const payload = (text: string) => new TextEncoder().encode(text)

describe('the arrival journal', () => {
  it('gives a repeat the instant of the first, also after a restart', async () => {
    const path = join(scratch(), 'arrivals')
    const before = await opened(path)
    expect(await before.assign('mqtt 7', 'meters/1', payload('231.2'), START, false)).toEqual({ ok: true, value: START })
    expect(await before.assign('mqtt 7', 'meters/1', payload('231.2'), START + 5000, true)).toEqual({ ok: true, value: START })
    await before.close()
    const after = await opened(path)
    expect(await after.assign('mqtt 7', 'meters/1', payload('231.2'), START + 9000, true)).toEqual({ ok: true, value: START })
  })

  it.each([
    ['another packet', 'mqtt 8', 'meters/1', '231.2'],
    ['another topic', 'mqtt 7', 'meters/2', '231.2'],
    ['another payload', 'mqtt 7', 'meters/1', '231.3'],
  ])('takes %s for no repeat', async (_, key, topic, text) => {
    const arrivals = await opened(join(scratch(), 'arrivals'))
    await arrivals.assign('mqtt 7', 'meters/1', payload('231.2'), START, false)
    expect(await arrivals.assign(key, topic, payload(text), START + 1, true)).toEqual({ ok: true, value: START + 1 })
  })

  it('takes no repeat for another where a name contains what stands between names', async () => {
    const arrivals = await opened(join(scratch(), 'arrivals'))
    await arrivals.assign('a', '1 b', payload('5'), START, false)
    expect(await arrivals.assign('a 3', 'b', payload('5'), START + 1, true)).toEqual({ ok: true, value: START + 1 })
  })

  it('gives the same words their own instant when they are no repeat, and a repeat the newest', async () => {
    const path = join(scratch(), 'arrivals')
    const arrivals = await opened(path)
    const assign = (at: number, duplicate: boolean) => arrivals.assign('mqtt 7', 'power', payload('0'), START + at, duplicate)
    expect(await assign(0, false)).toEqual({ ok: true, value: START })
    expect(await assign(1000, false)).toEqual({ ok: true, value: START + 1000 })
    expect(await assign(2000, true)).toEqual({ ok: true, value: START + 1000 })
    await arrivals.close()
    const again = await opened(path)
    expect(await again.assign('mqtt 7', 'power', payload('0'), START + 3000, true)).toEqual({ ok: true, value: START + 1000 })
  })

  it('answers a repeat that overtakes the disk with the instant that gets there', async () => {
    const disk = new MoodyDisk()
    const arrivals = await opened(join(scratch(), 'arrivals'), { openFile: disk.open })
    const answers = [0, 1, 2].map((at) => arrivals.assign('mqtt 7', 'power', payload('5'), START + at, at > 0))
    expect(await Promise.all(answers)).toEqual(answers.map(() => ({ ok: true, value: START })))
  })

  it('gives two repeats in one turn one instant, though their first is long forgotten', async () => {
    const path = join(scratch(), 'arrivals')
    const arrivals = await opened(path)
    const repeat = (at: number) => arrivals.assign('mqtt id 99', 'power', payload(''), START + at, true)
    const answers = await Promise.all([repeat(5), repeat(6), repeat(7)])
    expect(answers).toEqual(answers.map(() => ({ ok: true, value: START + 5 })))
    await arrivals.close()
    const again = await opened(path)
    expect(again.found.records).toBe(1)
    expect(await again.assign('mqtt id 99', 'power', payload(''), START + 9, true)).toEqual({ ok: true, value: START + 5 })
  })

  it('syncs once for many that come at once', async () => {
    const disk = new MoodyDisk()
    const arrivals = await opened(join(scratch(), 'arrivals'), { openFile: disk.open })
    const before = disk.syncs
    await Promise.all(Array.from({ length: 2000 }, (_, at) => arrivals.assign(`mqtt ${at}`, 'power', payload('5'), START + at, false)))
    expect(disk.syncs).toBe(before + 1)
    expect(arrivals.size).toBe(2000)
  })

  it('promises nothing that is not on the disk', async () => {
    const disk = new MoodyDisk()
    const arrivals = await opened(join(scratch(), 'arrivals'), { openFile: disk.open })
    disk.refuses = 'syncs'
    const refused = [0, 1].map((at) => arrivals.assign('mqtt 7', 'power', payload('5'), START + at, at > 0))
    for (const answer of refused) expect(await answer).toMatchObject({ ok: false, error: { code: 'PUSH_DISK' } })
    disk.refuses = 'nothing'
    expect(await arrivals.assign('mqtt 7', 'power', payload('5'), START + 2, true)).toEqual({ ok: true, value: START + 2 })
  })

  it('stays within its bounds in memory and on the disk', async () => {
    const path = join(scratch(), 'arrivals')
    const arrivals = await opened(path, { generation: 100, maxBytes: 4000 })
    for (let at = 0; at < 1000; at++) await arrivals.assign(`mqtt ${at}`, 'power', payload('5'), START + at, false)
    expect(arrivals.size).toBeLessThanOrEqual(200)
    await arrivals.close()
    const again = await opened(path, { generation: 100, maxBytes: 4000 })
    expect(again.size).toBeGreaterThan(100)
    expect(again.size).toBeLessThanOrEqual(200)
    expect(await again.assign('mqtt 950', 'power', payload('5'), START + 5000, true)).toEqual({ ok: true, value: START + 950 })
    expect(await again.assign('mqtt 3', 'power', payload('5'), START + 5000, true)).toEqual({ ok: true, value: START + 5000 })
  })
})

it('generations forget the older half, never the newest', () => {
  const known = new Generations(3)
  for (let at = 0; at < 8; at++) known.put(`hash ${at}`, at)
  expect(known.size).toBe(5)
  expect([2, 3, 7].map((at) => known.get(`hash ${at}`))).toEqual([undefined, 3, 7])
  known.put('hash 4', 44)
  expect(known.get('hash 4')).toBe(44)
  expect(known.size).toBe(5)
})
