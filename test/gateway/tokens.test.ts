import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tokensOf } from '../../src/access/index.ts'
import { hashToken, makeToken } from '../../src/api/index.ts'
import { openTokens, sourceOf } from '../../src/gateway/tokens.ts'
import { storeIn, T0 } from '../access/support.ts'

const entry = (name: string, hash: string, revokedAt: number | null = null) => ({
  ...{ id: `own-${name}`, name, hash, permission: 'operate', expiresAt: null, revokedAt },
})

const house = (given: NodeJS.ProcessEnv = {}) => {
  const { directory, store } = storeIn()
  const file = join(directory, 'tokens.json')
  const parts = { dataDirectory: directory, http: { tokens: [] }, environment: given, tokens: tokensOf(store), now: () => T0 }
  return { file, tokens: openTokens(parts), parts }
}
const named = (tokens: ReturnType<typeof openTokens>) => tokens.all().map(({ name, former, revokedAt }) => [name, former, revokedAt])

it('takes up what a tokens.json says, and again when it says something else', () => {
  const { file, tokens } = house()
  tokens.reload()
  expect(named(tokens)).toEqual([])
  const { hash } = makeToken()
  writeFileSync(file, JSON.stringify([entry('li', hash)]))
  tokens.reload()
  expect(named(tokens)).toEqual([['li', 'operate', null]])
  writeFileSync(file, JSON.stringify([entry('li', hash, T0), entry('wang', makeToken().hash)]))
  tokens.reload()
  expect(named(tokens).sort()).toEqual([
    ['li', 'operate', T0],
    ['wang', 'operate', null],
  ])
})

it('says of one that is none why, once, and goes on', () => {
  const { file, tokens } = house()
  writeFileSync(file, '[{]')
  expect(() => tokens.reload()).toThrow(/ACCESS_IMPORT it is no JSON/)
  expect(() => tokens.reload()).not.toThrow()
  expect(tokens.add('scada', 'read')).toMatch(/^gt_[\w-]{43}$/)
})

it('knows those of the configuration and the environment, which end with it', () => {
  const { text } = makeToken()
  const { tokens, parts } = house({ GRIDTALLY_TOKEN: text })
  tokens.use({ tokens: [{ name: 'grafana', sha256: hashToken('x'), permission: 'read' }] })
  expect(tokens.all().map((token) => [token.name, sourceOf(token)])).toEqual([
    ['grafana', 'configuration'],
    ['GRIDTALLY_TOKEN', 'environment'],
  ])
  tokens.use({ tokens: [] })
  expect(named(tokens)).toEqual([['GRIDTALLY_TOKEN', 'operate', null]])
  expect(() => openTokens({ ...parts, environment: { GRIDTALLY_TOKEN: 'secret' } })).toThrow(/GRIDTALLY_TOKEN is no token/)
})
