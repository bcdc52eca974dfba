import { expect, it } from 'vitest'
import { HOUR, judgeAt, made, onBus, START, silence, told, viewAt } from './made.ts'

const off = (id: string, hour: number) => ({ id, at: START + hour * HOUR, event: 'power_off' })

it('a meter that said its power went is without power, not broken', () => {
  const area = made(31)
  silence(area, ['M03'], 100, 120)
  area.events = [off('M03', 100.25)]
  expect(told(judgeAt(viewAt(area, 5)).findings)).toEqual([{ what: 'outage meter M03 power_off', from: 100, to: null }])
})

it('an event of a meter that answers on is no outage', () => {
  const area = made(32)
  area.events = [off('M03', 100.25)]
  expect(judgeAt(viewAt(area, 5)).findings).toEqual([])
})

/** Polls are lost for a part of each of these hours, without a byte. */
const partly = (area: ReturnType<typeof made>, ids: readonly string[], hours: readonly number[]): void => {
  for (const id of ids)
    for (const hour of hours) {
      const columns = area.targets.get(id)
      columns?.ok.fill(1, hour, hour + 1)
      columns?.timeouts.fill(6, hour, hour + 1)
    }
}

it('an outage of an hour, by the word of the meters, is no fault of communication though no hour was silent', () => {
  const area = made(36)
  const all = onBus(area, 'B1')
  partly(area, all, [100, 101])
  area.events = all.flatMap((id) => [off(id, 100.3), { id, at: START + 101.7 * HOUR, event: 'power_on' }])
  expect(told(judgeAt(viewAt(area, 5)).findings)).toEqual([])
})

it('the hours at both ends of an outage are no intermittent fault', () => {
  const area = made(37)
  silence(area, ['M03'], 100, 104)
  partly(area, ['M03'], [99, 104])
  area.events = [off('M03', 99.5)]
  expect(told(judgeAt(viewAt(area, 5)).findings)).toEqual([{ what: 'outage meter M03 power_off', from: 100, to: 104 }])
})

it('an event of another time explains no silence', () => {
  const area = made(33)
  silence(area, ['M03'], 100, 120)
  area.events = [off('M03', 70)]
  expect(told(judgeAt(viewAt(area, 5)).findings)).toEqual([{ what: 'comm_fault meter M03 dead', from: 100, to: null }])
})

it('meters silent together of which a third spoke are one outage', () => {
  const area = made(34)
  silence(area, onBus(area, 'B1'), 100, 110)
  area.events = ['M10', 'M13', 'M17'].map((id) => off(id, 99.9))
  const { findings } = judgeAt(viewAt(area, 5))
  expect(told(findings)).toEqual([{ what: 'outage bus B1 power_off', from: 100, to: 110 }])
  expect(findings[0]?.numbers).toMatchObject({ meters: 8, metersReporting: 3 })
})

it('where one of many spoke, only that one is dark', () => {
  const area = made(35)
  silence(area, onBus(area, 'B1'), 100, 110)
  area.events = [off('M10', 99.9)]
  expect(told(judgeAt(viewAt(area, 5)).findings)).toEqual([
    { what: 'outage meter M10 power_off', from: 100, to: 110 },
    { what: 'comm_fault bus B1 open', from: 100, to: 110 },
  ])
})

it('meters that are not back after a planned outage are named', () => {
  const area = made(36)
  silence(area, onBus(area, 'B1'), 98, 103)
  silence(area, ['M14'], 103, 120)
  area.outages = [{ from: START + 98 * HOUR, to: START + 103 * HOUR, ids: onBus(area, 'B1'), what: 'planned' }]
  const { findings } = judgeAt(viewAt(area, 5))
  expect(told(findings)).toEqual([{ what: 'outage meter M14 still_dark', from: 104, to: null }])
})
