import { readFileSync } from 'node:fs'
import { expect, it, onTestFinished } from 'vitest'
import { patient, runGateway } from '../support/processes.ts'
import { billingPlace } from './billing-book-site.ts'

it('a running gateway serves the description that is committed', async () => {
  const gateway = await runGateway((await billingPlace(1, { months: [] })).file)
  onTestFinished(async () => void (await gateway.stop()))
  const served: unknown = await (await patient(`${gateway.address}/openapi.json`)).json()
  expect(served).toEqual(JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')))
})
