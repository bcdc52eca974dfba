import { expect, it, onTestFinished } from 'vitest'
import type { TalkOf, TerminalSettings } from '../../src/acquisition/index.ts'
import { err, type GatewayError, ok, type Result, type TerminalEvent } from '../../src/core/index.ts'
import { EventCounters } from '../../src/gateway/terminal-counters.ts'
import type { EventMarks } from '../../src/gateway/terminal-file.ts'

const failure = (code: string): GatewayError => ({ code, message: code, recovery: 'wait', hint: '', context: {} })
const SETTINGS: TerminalSettings = {
  ...{ id: 'C-1', address: '4510-21', protocol: 'gw3761', allowWrites: false, frameLimit: 1024, heartbeatMs: null, window: 1 },
  ...{ answerMs: 1000, fieldAnswerMs: 1000 },
}
const EVENT: TerminalEvent = { code: 'erc-1', meter: null, begins: null, ends: null, edge: null, facts: {}, raw: new Uint8Array() }

interface World {
  readonly marks?: EventMarks
  readonly counters?: Result<EventMarks>
  events?: Result<readonly TerminalEvent[]>
  keep?: Result<void>
  /** An answer to one question alone. */
  readonly only?: (what: string) => Result<readonly TerminalEvent[]> | undefined
}

/** An adapter whose talks say what was asked, and a terminal that answers as the test wants. */
const open = (world: World) => {
  const asked: string[] = []
  let marks = world.marks ?? null
  let stored = 0
  const adapter = {
    eventCounters: () => 'counters',
    events: (_: string, level: string, from: number, to: number) => `${level} ${from}-${to}`,
  }
  const counters = new EventCounters({
    port: () => ({
      ask: async <T>(_: string, talk: TalkOf<T>): Promise<Result<T>> => {
        const what = String(talk(adapter as never))
        asked.push(what)
        return (
          what === 'counters' ? (world.counters ?? ok({ important: 0, normal: 0 })) : (world.only?.(what) ?? world.events ?? ok([EVENT]))
        ) as Result<T>
      },
    }),
    file: {
      marks: () => marks,
      mark: (_, next) => {
        marks = next
      },
    },
    settings: () => SETTINGS,
    keep: async (_, events) => {
      if (world.keep && !world.keep.ok) return world.keep
      stored += events.length
      return ok(undefined)
    },
    log: () => undefined,
    againMs: 1,
  })
  onTestFinished(() => counters.stop())
  return { counters, asked, marks: () => marks, stored: () => stored }
}

it('asks for what lies between the mark and the counters, over the end of the count, and moves the mark', async () => {
  const { counters, asked, marks, stored } = open({ marks: { important: 254, normal: 7 } })
  counters.shown('C-1', { important: 2, normal: 7 })
  await counters.settled()
  expect(asked).toEqual(['important 254-2'])
  expect([marks(), stored()]).toEqual([{ important: 2, normal: 7 }, 1])
})

it('asks nothing when the counters say nothing new', async () => {
  const { counters, asked } = open({ marks: { important: 5, normal: 7 } })
  counters.shown('C-1', { important: 5, normal: 7 })
  await counters.settled()
  expect(asked).toEqual([])
})

it('asks a terminal it never asked for everything since its counters began', async () => {
  const { counters, asked, marks } = open({ counters: ok({ important: 3, normal: 0 }) })
  counters.online('C-1')
  await counters.settled()
  expect(asked).toEqual(['counters', 'important 0-3'])
  expect(marks()).toEqual({ important: 3, normal: 0 })
})

it('leaves the mark where it is while events are not safe, and tries again', async () => {
  const world: World = { marks: { important: 1, normal: 0 }, keep: err(failure('OUTBOX_FULL')) }
  const { counters, asked, marks, stored } = open(world)
  counters.shown('C-1', { important: 2, normal: 0 })
  await counters.settled()
  expect(marks()).toEqual({ important: 1, normal: 0 })
  world.keep = ok(undefined)
  await expect.poll(() => marks(), { timeout: 60_000 }).toEqual({ important: 2, normal: 0 })
  expect(new Set(asked)).toEqual(new Set(['important 1-2']))
  expect(stored()).toBe(1)
})

it('waits for a terminal that is gone to come back, and asks then', async () => {
  const world: World = {
    marks: { important: 1, normal: 0 },
    counters: ok({ important: 2, normal: 0 }),
    events: err(failure('TERMINAL_LOST')),
  }
  const { counters, asked, marks } = open(world)
  counters.shown('C-1', { important: 2, normal: 0 })
  await counters.settled()
  expect([asked, marks()?.important]).toEqual([['important 1-2'], 1])
  world.events = ok([EVENT])
  counters.online('C-1')
  await counters.settled()
  expect(marks()?.important).toBe(2)
})

it('reads the last records of a terminal that counts nothing, once and then only when it says that there are new ones', async () => {
  const { counters, asked } = open({ counters: err(failure('DLT698_COMMAND')) })
  counters.online('C-1')
  await counters.settled()
  expect(asked).toEqual(['counters', 'important 0-15', 'normal 0-15'])
  counters.online('C-1')
  await counters.settled()
  expect(asked.slice(3)).toEqual(['counters'])
  counters.waits('C-1')
  await counters.settled()
  expect(asked.slice(4)).toEqual(['counters', 'important 0-15', 'normal 0-15'])
})

it('is not kept from events of one kind by those of the other that are refused', async () => {
  const { counters, marks, stored } = open({
    marks: { important: 1, normal: 0 },
    only: (what) => (what.startsWith('important') ? err(failure('GW3761_DENIED')) : undefined),
  })
  counters.shown('C-1', { important: 2, normal: 4 })
  await counters.settled()
  expect([marks(), stored()]).toEqual([{ important: 1, normal: 4 }, 1])
})

it('reads the last records once more when a terminal says that there are new ones while they are read', async () => {
  let said = 0
  const { counters, asked } = open({
    marks: { important: 0, normal: 0 },
    counters: err(failure('DLT698_COMMAND')),
    only: (what) => {
      if (what.startsWith('normal') && said++ === 0) counters.waits('C-1')
      return undefined
    },
  })
  counters.waits('C-1')
  await counters.settled()
  expect(asked.filter((what) => what.startsWith('important'))).toHaveLength(2)
})
