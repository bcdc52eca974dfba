import { describe, expect, it } from 'vitest'
import {
  areaHistory,
  type Detected,
  type Detector,
  type Finding,
  judgeAreas,
  judgeDay,
  look,
  NO_LAYERS,
  type Standing,
  type ThresholdLayers,
  verdictsOf,
} from '../../src/anomaly/index.ts'
import { meter } from './meter/made.ts'

const history = areaHistory()
history.put({
  ...{ fact: { id: 'A1', name: 'A1', zone: null, feeder: null, transformerKva: null, nominalV: 230, network: null }, day: '2026-03-28' },
  ...{ start: 0, slots: 96, gateways: [], meters: [], temperature: null, isRest: false, outages: [], events: [] },
})
const frame = history.frame()!

const finding = (key: string): Finding => ({
  ...{
    rule: 'r',
    version: 1,
    kind: 'theft',
    key,
    target: 'M1',
    area: 'A1',
    level: 'meter',
    from: 0,
    to: null,
    score: 0.7,
    severity: 'low',
  },
  ...{ kwh: null, numbers: {}, thresholds: {}, series: [], ruledOut: [], why: { zh: '', en: '' }, action: { zh: '', en: '' } },
})
const detector = (id: string, detect: Detector['detect']): Detector => ({
  rule: { id, version: 3, title: { zh: id, en: id }, thresholds: {} },
  detect,
})

describe('the judge', () => {
  it('shows each detector what those before it learnt', () => {
    const seen: string[] = []
    const say = (id: string, detected: Detected) =>
      detector(id, ({ found, phases, technical, doubts }) => {
        seen.push(`${id} ${found.length} ${Object.keys(phases).length} ${technical?.method ?? '-'} ${doubts.length}`)
        return detected
      })
    const verdict = judgeDay(
      { frame },
      {
        detectors: [
          say('a', { findings: [finding('1')], phases: { M1: 'A' }, doubts: [{ id: 'M1', from: 0, to: null, what: 'unusable' }] }),
          say('b', { findings: [], technical: { kwh: new Float64Array(96), method: 'voltage', inputs: { zh: '', en: '' }, error: null } }),
          say('c', { findings: [finding('2')], phases: { M2: 'B' }, withdrawn: [{ key: '0', because: { zh: '', en: '' } }] }),
          say('d', { findings: [] }),
        ],
      },
    )
    expect(seen).toEqual(['a 0 0 - 0', 'b 1 1 - 1', 'c 1 1 voltage 1', 'd 2 2 voltage 1'])
    expect([verdict.area, verdict.day, verdict.findings.map(({ key }) => key), verdict.phases]).toEqual([
      'A1',
      '2026-03-28',
      ['1', '2'],
      { M1: 'A', M2: 'B' },
    ])
    expect([verdict.withdrawn.length, verdict.failures]).toEqual([1, []])
  })

  it('weighs what was found by the events of the week, last, and makes no alarm out of them', () => {
    const told = areaHistory()
    const [start, fact] = [0, { id: 'A1', name: 'A1', zone: null, feeder: null, transformerKva: null, nominalV: 230, network: null }]
    const one = meter({ id: 'M1', days: 1 })
    told.put({
      ...{ fact, day: '2026-03-28', start, slots: 96, gateways: [], temperature: null, isRest: false, outages: [] },
      meters: [{ ...one, rates: null, u: [null, null, null], i: [null, null, null], iN: null, p: null, pf: null }],
      events: [{ id: 'M1', at: 3_600_000, event: 'cover_open' }],
    })
    const detect = () => ({ findings: [finding('1'), { ...finding('2'), score: 0.49 }] })
    const judged = (layers: ThresholdLayers) =>
      judgeDay({ frame: told.frame()!, thresholds: layers }, { detectors: [detector('a', detect)] }).findings
    expect(judged(NO_LAYERS).map(({ score }) => score)).toEqual([0.82, 0.49])
    expect(judged(NO_LAYERS)[0]!.numbers).toMatchObject({ events: 'cover_open' })
    expect(judged({ ...NO_LAYERS, points: { M1: { 'meter-event.lift': 0 } } })[0]!.score).toBe(0.7)
  })

  it('goes on when a detector breaks down, and says which one did', () => {
    const bad = detector('bad', () => {
      throw new Error('index out of range')
    })
    const { findings, failures } = judgeDay(
      { frame },
      { detectors: [detector('a', () => ({ findings: [finding('1')] })), bad, detector('b', () => ({ findings: [finding('2')] }))] },
    )
    expect(findings.map(({ key }) => key)).toEqual(['1', '2'])
    expect(failures).toEqual([{ rule: 'bad', version: 3, area: 'A1', day: '2026-03-28', message: 'index out of range' }])
  })

  it('judges areas beside each other', () =>
    expect(
      judgeAreas([{ frame }, { frame }], { detectors: [detector('a', () => ({ findings: [finding('1')] }))] }).map(
        ({ findings }) => findings.length,
      ),
    ).toEqual([1, 1]))

  describe('looked at again when other cases stand', () => {
    const stands = (from: number): readonly Standing[] => [
      { key: '2', kind: 'theft', target: 'M1', raisedOn: '2026-03-27', from, score: 0.7 },
    ]
    const calls: string[] = []
    const called = (id: string, detect: Detector['detect']) =>
      detector(id, (view) => {
        calls.push(id)
        return detect(view)
      })
    const detectors = [
      called('first', () => ({ findings: [finding('1')], doubts: [{ id: 'M1', from: 0, to: null, what: 'unusable' }] })),
      called('asks', ({ standing }) => ({ findings: [{ ...finding('2'), from: Math.min(5, standing[0]?.from ?? 9) }] })),
      called('last', ({ found }) => ({ findings: [finding(`${found.map(({ from }) => from)}`)] })),
    ]
    const first = look({ frame, standing: stands(7) }, { detectors })
    it.each<[string, number, string[]]>([
      ['nobody is asked when the same stands', 7, []],
      ['who asked what stands is asked again, and nobody after it when it says the same', 6, ['asks']],
      ['who comes after it is asked when it says something else', 3, ['asks', 'last']],
    ])('%s', (_, from, expected) => {
      calls.length = 0
      const input = { frame, standing: stands(from) }
      const again = look(input, { detectors }, first)
      expect(calls).toEqual(expected)
      expect(verdictsOf([again])).toEqual(judgeAreas([input], { detectors }))
      expect(again.view.doubts[0]).toBe(first.view.doubts[0])
    })
  })
})
