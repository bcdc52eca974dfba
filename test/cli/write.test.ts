import { expect, it, onTestFinished } from 'vitest'
import { startDlt645Line } from '../../simulators/index.ts'
import { gridtally } from '../support/processes.ts'
import { startPymodbus } from '../support/pymodbus.ts'

it('changes nothing without the switch, and a foreign server with it', async () => {
  const port = await startPymodbus({ 0: [1, 2, 3, 4] }, 'tcp')
  const at = ['--line', `tcp://127.0.0.1:${port}`, '--protocol', 'modbus-tcp', '--unit', '1', '--start', '1']
  const refused = await gridtally(['modbus-write', '7', '8', ...at])
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(/nothing was sent; add --allow-writes[\s\S]*LINE_READ_ONLY/)
  const done = await gridtally(['modbus-write', '7', '8', ...at, '--allow-writes', '--trace'])
  expect(done).toMatchObject({ code: 0, stderr: '' })
  expect(done.stdout).toMatch(/tx .* 10 00 01 00 02 04 00 07 00 08/)
})

it('sets the clocks of a DL/T 645 line by broadcast, which nobody answers', async () => {
  const line = await startDlt645Line({ meters: [{ address: '202608150042' }] })
  onTestFinished(() => line.close())
  const at = ['--line', `tcp://127.0.0.1:${line.port}`]
  expect((await gridtally(['set-time', ...at])).code).toBe(1)
  const done = await gridtally(['set-time', ...at, '--allow-writes', '--trace'])
  expect(done).toMatchObject({ code: 0, stderr: '' })
  expect(done.stdout).toMatch(/68 99 99 99 99 99 99 68 08 06/)
})
