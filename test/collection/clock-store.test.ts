import { describe, expect, it, onTestFinished } from 'vitest'
import type { ClockPoint } from '../../src/collection/clock-rules.ts'
import { type ClockActDraft, ClockStore } from '../../src/collection/clock-store.ts'
import { scratch } from '../support/processes.ts'

const DAY = 86_400_000
const AT = Date.parse('2026-11-22T03:00:00Z')
const point = (at: number, driftMs = 1000): ClockPoint => ({ at, driftMs, uncertaintyMs: 512 })
const draft = (change: Partial<ClockActDraft> = {}): ClockActDraft => ({
  ...{ at: AT, kind: 'set', line: 'bus', meter: 'M1', who: 'li', second: 'wang', why: 'new battery' },
  ...change,
})
const open = (directory = scratch()) => {
  const store = new ClockStore(directory)
  let isOpen = true
  const close = () => {
    if (isOpen) store.close()
    isOpen = false
  }
  onTestFinished(close)
  return {
    store,
    directory,
    close,
    again: () => {
      close()
      return open(directory)
    },
  }
}

describe('what is known of a clock', () => {
  it('survives a restart: reading, failure, lock, model without a clock', () => {
    const first = open()
    first.store.read('M1', 'meter', point(AT, 90_000), 'sweep')
    first.store.missed('M1', 'meter', AT + 5, { code: 'LINE_NO_REPLY', message: 'nothing heard' })
    first.store.without('M2', 'meter', AT)
    first.store.read('C1', 'concentrator', point(AT, -6000), 'demand')
    const { store } = first.again()
    expect(store.get('M1')).toEqual({
      ...{ kind: 'meter', point: point(AT, 90_000), triedAt: AT + 5, isWithout: false, lockedBy: null, settings: [] },
      error: { code: 'LINE_NO_REPLY', message: 'nothing heard' },
    })
    expect(store.get('M2')).toMatchObject({ isWithout: true, point: null })
    expect(store.get('C1').kind).toBe('concentrator')
    expect(store.get('nobody')).toMatchObject({ point: null, triedAt: null })
    store.read('M1', 'meter', point(AT + 10, 5), 'demand')
    expect(store.get('M1').error).toBeNull()
  })

  it('keeps the newest 400 readings of each meter, newest first', () => {
    const { store } = open()
    for (let day = 0; day < 410; day++) store.read('M1', 'meter', point(AT + day * DAY, day), 'sweep')
    store.read('M2', 'meter', point(AT), 'demand')
    const history = store.history('M1', 1000)
    expect(history).toHaveLength(400)
    expect([history[0]!.driftMs, history.at(-1)!.driftMs]).toEqual([409, 10])
    expect(store.history('M1', 2).map(({ driftMs }) => driftMs)).toEqual([409, 408])
    expect(store.history('M2', 9)).toEqual([{ ...point(AT), why: 'demand' }])
  })
})

describe('what was done to clocks', () => {
  it('is kept with who, why, before, after and result', () => {
    const { store } = open()
    const id = store.begin(draft(), [{ meter: 'M1', before: point(AT - 1, 90_000) }])
    expect(store.act(id)).toMatchObject({ result: 'pending' })
    store.after(id, 'M1', point(AT + 2, 300))
    store.end(id, 'done', null, null)
    expect(store.act(id)).toEqual({
      ...{ id, ...draft(), result: 'done', code: null, message: null },
      meters: [{ meter: 'M1', before: point(AT - 1, 90_000), after: point(AT + 2, 300) }],
    })
    expect(store.get('M1').settings).toEqual([AT])
    expect(store.counts()).toEqual([{ kind: 'set', result: 'done', count: 1 }])
  })

  it('counts a broadcast for every meter it was meant for, and once a line', () => {
    const { store, again } = open()
    expect(store.lastBroadcast('bus')).toBeNull()
    const meters = ['M1', 'M2'].map((meter) => ({ meter, before: null }))
    store.end(store.begin(draft({ kind: 'broadcast', meter: null }), meters), 'done', null, null)
    store.end(
      store.begin(draft({ kind: 'broadcast', meter: null, at: AT + 9, line: 'other' }), meters),
      'failed',
      { code: 'X', message: 'x' },
      null,
    )
    expect([store.lastBroadcast('bus'), store.lastBroadcast('other')]).toEqual([AT, AT + 9])
    expect(store.actsOf('M2', 10).map(({ line, result }) => [line, result])).toEqual([
      ['other', 'failed'],
      ['bus', 'done'],
    ])
    expect(again().store.get('M2').settings).toEqual([AT])
  })

  it('forgets settings older than a month when they are counted', () => {
    const { store } = open()
    for (const at of [AT - 40 * DAY, AT - 20 * DAY, AT])
      store.end(store.begin(draft({ at }), [{ meter: 'M1', before: null }]), 'done', null, null)
    expect(store.get('M1').settings).toEqual([AT - 20 * DAY, AT])
  })

  it('a lock holds over restarts until somebody clears it, and clearing is an act as well', () => {
    const first = open()
    const id = first.store.begin(draft(), [{ meter: 'M1', before: null }])
    first.store.end(id, 'refused', { code: 'DLT645_UNAUTHORISED', message: 'password wrong' }, 'M1')
    const second = first.again()
    expect(second.store.get('M1').lockedBy).toBe(id)
    second.store.clear('M1', draft({ kind: 'clear', why: 'looked up' }))
    const { store } = second.again()
    expect(store.get('M1').lockedBy).toBeNull()
    expect(store.get('M1').settings).toEqual([])
    expect(store.actsOf('M1', 9).map(({ kind, result }) => `${kind} ${result}`)).toEqual(['clear done', 'set refused'])
  })

  it('an act that the process did not live to finish locks its meter: nobody knows what became of the password', () => {
    const first = open()
    first.store.read('M1', 'meter', point(AT), 'sweep')
    const id = first.store.begin(draft(), [{ meter: 'M1', before: point(AT) }])
    const never = first.store.begin(draft({ meter: 'M9' }), [{ meter: 'M9', before: null }])
    const { store } = first.again()
    expect(store.act(id)?.result).toBe('unknown')
    expect(store.get('M1').lockedBy).toBe(id)
    // Even of a meter nothing else is known of.
    expect(store.get('M9').lockedBy).toBe(never)
    const broadcast = store.begin(draft({ kind: 'broadcast', meter: null }), [{ meter: 'M2', before: null }])
    expect(broadcast).toBeGreaterThan(never)
    expect(store.get('M2').lockedBy).toBeNull()
  })
})
