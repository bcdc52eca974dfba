import { describe, expect, it } from 'vitest'
import { HOUR, judgeAt, type Made, made, of, onBus, poll, START, silence, told, under, viewAt } from './made.ts'

const partly = (area: Made, ids: readonly string[], [from, to]: readonly [number, number], rate: number, crcShare: number, strays = 0) => {
  for (const id of ids) for (let hour = from; hour < to; hour++) poll(area, id, hour, rate, crcShare, strays)
}
const lower = (area: Made, id: string, [from, to]: readonly [number, number], db: number) => {
  const { snrDb } = of(area, id)
  for (let hour = from; hour < to; hour++) snrDb[hour] = (snrDb[hour] ?? 0) - db
}

describe('one fault, at its level, with its cause, to the hour', () => {
  it.each<[string, (area: Made) => void, string, number, number | null]>([
    ['a dead meter', (area) => silence(area, ['M03'], 79, 120), 'meter M03 dead', 79, null],
    ['a meter dead from the first day', (area) => silence(area, ['M03'], 0, 120), 'meter M03 dead', 0, null],
    ['a meter that is back after six hours', (area) => silence(area, ['M03'], 100, 106), 'meter M03 dead', 100, 106],
    [
      'a wrong baud rate',
      (area) => {
        of(area, 'M21').ok.fill(0, 98)
        of(area, 'M21').timeouts.fill(0, 98)
        of(area, 'M21').crcErrors.fill(8, 98)
      },
      'meter M21 baud',
      98,
      null,
    ],
    [
      'a wrong address in the ledger',
      (area) => {
        silence(area, ['M21'], 0, 120)
        of(area, 'M21').addrErrors.fill(4)
      },
      'meter M21 wrong_address',
      0,
      null,
    ],
    [
      'a weak signal',
      (area) => {
        partly(area, ['M05'], [99, 120], 0.5, 0.4)
        lower(area, 'M05', [99, 120], 12)
      },
      'meter M05 weak_signal',
      99,
      null,
    ],
    ['an open bus', (area) => silence(area, onBus(area, 'B1'), 101, 118), 'bus B1 open', 101, 118],
    ['a noisy bus', (area) => partly(area, onBus(area, 'B2'), [97, 120], 0.5, 0.6), 'bus B2 noise', 97, null],
    ['a dead downlink', (area) => silence(area, under(area, 'C1'), 102, 114), 'concentrator C1 downlink', 102, 114],
    [
      'a lost heartbeat',
      (area) => {
        silence(area, under(area, 'C1'), 102, 120)
        of(area, 'C1').ok.fill(0, 102)
        of(area, 'C1').rssiDbm.fill(-121, 102)
      },
      'backhaul C1 no_signal',
      102,
      null,
    ],
  ])('%s', (_, spoil, what, from, to) => {
    const area = made(7)
    spoil(area)
    expect(told(judgeAt(viewAt(area, 5)).findings)).toEqual([{ what: `comm_fault ${what}`, from, to }])
  })

  it('an address conflict is one fault that names both meters', () => {
    const area = made(8)
    partly(area, ['M22', 'M26'], [96, 120], 0.5, 0.7, 0.25)
    const { findings } = judgeAt(viewAt(area, 5))
    expect(findings.map(({ target, cause, numbers }) => [target, cause, numbers.meters])).toEqual([['M22', 'address_conflict', 'M22 M26']])
  })

  it('noise of one evening is told in that evening and stays one fault', () => {
    const area = made(9)
    const evenings = [3, 4].map((day): [number, number] => [day * 24 + 18, day * 24 + 23])
    for (const hours of evenings) {
      partly(area, ['M11'], hours, 0.6, 0.5)
      lower(area, 'M11', hours, 8)
    }
    const seen = [4, 5].map((day) => judgeAt(viewAt(area, day)).findings)
    expect(seen.map(told)).toEqual([4, 5].map(() => [{ what: 'comm_fault meter M11 evening_noise', from: 90, to: null }]))
    expect(new Set(seen.flat().map(({ key }) => key)).size).toBe(1)
  })

  it('answers that collide make a bus slow as well', () => {
    const area = made(10)
    for (const id of onBus(area, 'B2')) {
      const { latencyMs } = of(area, id)
      for (let hour = 0; hour < 120; hour++) latencyMs[hour] = (hour < 96 ? 100 : 300) + 10 * area.random()
    }
    partly(area, onBus(area, 'B2'), [96, 120], 0.5, 0.6, 0.2)
    expect(told(judgeAt(viewAt(area, 5)).findings)).toEqual([{ what: 'comm_fault bus B2 collision', from: 96, to: null }])
  })
})

describe('from the top down', () => {
  it('a fault above hides those below, and a dead meter is dead before and after', () => {
    const area = made(11)
    silence(area, ['M02'], 60, 120)
    silence(area, under(area, 'C1'), 80, 90)
    expect(told(judgeAt(viewAt(area, 4)).findings)).toEqual([
      { what: 'comm_fault concentrator C1 downlink', from: 80, to: 90 },
      { what: 'comm_fault meter M02 dead', from: 60, to: null },
    ])
  })

  it('several faults at once are several, the one that explains most first', () => {
    const area = made(12)
    silence(area, ['M02'], 96, 120)
    silence(area, onBus(area, 'B1'), 96, 120)
    const { findings } = judgeAt(viewAt(area, 5))
    expect(findings.map(({ target, numbers }) => [target, numbers.visitRank])).toEqual([
      ['B1', 1],
      ['M02', 2],
    ])
    expect(findings[0]?.numbers.lostReadsOfDaySharePct).toBeCloseTo((100 * 8) / 9, 0)
  })

  it('two dead meters of a bus of eight are two dead meters', () => {
    const area = made(13)
    silence(area, ['M12', 'M15'], 96, 120)
    expect(told(judgeAt(viewAt(area, 5)).findings).map(({ what }) => what)).toEqual([
      'comm_fault meter M12 dead',
      'comm_fault meter M15 dead',
    ])
  })

  it('a fault that a fault above explains since is withdrawn', () => {
    const area = made(14)
    silence(area, under(area, 'C2'), 96, 120)
    const standing = [
      {
        key: 'comm_fault meter M20 silent',
        kind: 'comm_fault',
        target: 'M20',
        raisedOn: '2026-03-05',
        from: START + 96 * HOUR,
        score: 0.9,
      },
    ] as const
    const { withdrawn } = judgeAt(viewAt(area, 5, standing))
    expect(withdrawn.map(({ key, because }) => [key, because.en])).toEqual([
      ['comm_fault meter M20 silent', 'C2 (concentrator, downlink) explains it'],
    ])
  })
})

describe('what is no fault', () => {
  it('chance: 200 areas of which one attempt in 500 fails', () => {
    for (let seed = 1; seed <= 200; seed++) expect(told(judgeAt(viewAt(made(seed, 4, 0.002), 4)).findings)).toEqual([])
  })

  it('a link that is poor by design and has not changed', () => {
    const area = made(15, 14)
    partly(area, ['M04'], [0, 14 * 24], 0.12, 0.4)
    lower(area, 'M04', [0, 14 * 24], 9)
    for (let day = 1; day <= 14; day++) expect(told(judgeAt(viewAt(area, day)).findings)).toEqual([])
  })

  it('a signal that falls while every poll gets through', () => {
    const area = made(16)
    lower(area, 'M04', [72, 120], 8)
    expect(judgeAt(viewAt(area, 5)).findings).toEqual([])
  })

  it('one bad hour', () => {
    const area = made(17)
    silence(area, onBus(area, 'B1'), 100, 101)
    expect(judgeAt(viewAt(area, 5)).findings).toEqual([])
  })

  it('hours in which nothing was asked', () => {
    const area = made(18)
    for (const columns of area.targets.values()) columns.polls.fill(Number.NaN, 96)
    expect(judgeAt(viewAt(area, 5)).findings).toEqual([])
  })

  it('a planned outage', () => {
    const area = made(19)
    silence(area, under(area, 'C1'), 100, 104)
    area.outages = [{ from: START + 100 * HOUR, to: START + 104 * HOUR, ids: null, what: 'planned' }]
    expect(judgeAt(viewAt(area, 5)).findings).toEqual([])
  })
})

describe('the day that is judged', () => {
  it('states a fault until it is over, and its end once', () => {
    const area = made(20)
    silence(area, ['M03'], 30, 72)
    const ends = [2, 3, 4, 5].map((day) => told(judgeAt(viewAt(area, day)).findings).map(({ to }) => to))
    expect(ends).toEqual([[null], [null], [72], []])
  })

  it('knows nothing of later days', () => {
    const area = made(21)
    silence(area, ['M03'], 60, 120)
    const before = judgeAt(viewAt(area, 3))
    for (const columns of area.targets.values()) columns.ok.fill(0, 72)
    expect(judgeAt(viewAt(area, 3))).toEqual(before)
  })

  it('is the same in whatever order targets come', () => {
    const area = made(22)
    silence(area, ['M03'], 90, 120)
    partly(area, onBus(area, 'B2'), [97, 120], 0.5, 0.6)
    const before = judgeAt(viewAt(area, 5))
    const turned = new Map([...area.targets].reverse())
    area.targets.clear()
    for (const [id, columns] of turned) area.targets.set(id, columns)
    area.facts.reverse()
    expect(judgeAt(viewAt(area, 5))).toEqual(before)
  })

  it('a fault older than the window keeps its start', () => {
    const area = made(23)
    silence(area, ['M03'], 0, 120)
    const standing = [
      {
        key: 'comm_fault meter M03 silent',
        kind: 'comm_fault',
        target: 'M03',
        raisedOn: '2026-02-01',
        from: START - 700 * HOUR,
        score: 0.9,
      },
    ] as const
    expect(told(judgeAt(viewAt(area, 5, standing)).findings)).toEqual([{ what: 'comm_fault meter M03 dead', from: -700, to: null }])
  })
})
