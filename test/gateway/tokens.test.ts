import { join } from 'node:path'
import { expect, it } from 'vitest'
import { TokenFile } from '../../src/gateway/tokens.ts'
import { scratch } from '../support/processes.ts'

it('keeps a token that is made before the gateway ran for the first time', () => {
  const directory = join(scratch(), 'data')
  expect(new TokenFile(directory, { tokens: [] }, {}).add('li', 'read')).toMatch(/^gt_[\w-]{43}$/)
  expect(new TokenFile(directory, { tokens: [] }, {}).all()).toMatchObject([{ name: 'li', permission: 'read' }])
})
