import { readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { dashboards, FOLDER, isInflux } from './dashboards.ts'

it('there is a dashboard for each of the jobs', () =>
  expect(readdirSync(FOLDER).sort()).toEqual([
    ...['collection.json', 'gateway.json', 'line-loss.json', 'meter.json', 'prometheus-alerts.yaml', 'signal.json'],
  ]))

it.each(dashboards.map((one) => [one.file, one] as const))('%s imports without editing', (_, dashboard) => {
  const { __inputs: inputs, panels, templating, uid, title } = dashboard
  expect(inputs).toHaveLength(1)
  const source = `\${${inputs[0]!.name}}`
  expect([uid, title]).toEqual([
    expect.stringMatching(/^gridtally-[\w-]{1,30}$/),
    expect.stringMatching(/^GridTally · \w.*[\u4e00-\u9fff]/),
  ])
  for (const panel of panels) {
    expect([panel.title, panel.datasource.uid, ...panel.targets.map((target) => target.datasource.uid)]).toEqual([
      ...[panel.title, source, ...panel.targets.map(() => source)],
    ])
    expect(panel.title).toMatch(/^\S/)
    expect([panel.title, typeof panel.fieldConfig.defaults.unit]).toEqual([panel.title, 'string'])
    expect(panel.targets.length).toBeGreaterThan(0)
    for (const { query, expr } of panel.targets)
      expect([panel.title, typeof (isInflux(dashboard) ? query : expr)]).toEqual([panel.title, 'string'])
  }
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  expect(new Set([...templating.list.map(({ name }) => name)]).size).toBe(templating.list.length)
  // No two panels lie on one another.
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
  expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBeLessThanOrEqual(24)
})

it('no two dashboards have one id', () => expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(dashboards.length))
