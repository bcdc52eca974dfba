import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { METER_FIRST, METER_LATER } from '../../../src/anomaly/meter/index.ts'

it.each([...METER_FIRST, ...METER_LATER].map(({ rule }) => [rule.id, rule] as const))(
  '%s has its page, with every threshold and what fools it',
  (id, rule) => {
    const page = readFileSync(new URL(`../../../docs/detectors/${id}.md`, import.meta.url), 'utf8')
    expect(page).toContain('**What fools it.**')
    for (const [name, { value, min, max, source }] of Object.entries(rule.thresholds)) {
      expect(page).toContain(`| \`${name}\``)
      expect(value).toBeGreaterThanOrEqual(min)
      expect(value).toBeLessThanOrEqual(max)
      expect(source.length).toBeGreaterThan(10)
    }
  },
)
