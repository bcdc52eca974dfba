import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { CATALOGUE } from '../../src/anomaly/index.ts'

const index = readFileSync('docs/detectors/README.md', 'utf8')

it.each(CATALOGUE.map(({ rule }) => rule))('rule $id has a row in the index and a page of its own', ({ id }) => {
  const page = new RegExp(`^\\| \`${id}\` \\|.*\\]\\(([^)]+)\\) \\|$`, 'm').exec(index)?.[1] ?? 'no row'
  expect(existsSync(`docs/detectors/${page}`), page).toBe(true)
})

it('lists the rules in the order in which they look', () =>
  expect([...index.matchAll(/^\| `([^`]+)` \|/gm)].map(([, id]) => id)).toEqual(CATALOGUE.map(({ rule }) => rule.id)))
