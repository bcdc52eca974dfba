import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectAsync } from 'mqtt'
import { expect, it, onTestFinished } from 'vitest'
import { startMosquitto } from '../support/mosquitto.ts'

const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url))

it('lets a device of deploy/mosquitto.acl write its own topics and nobody else’s', async () => {
  // What concerns places and ports is the container's; the rest of the file is taken as it is.
  const config = readFileSync(join(DEPLOY, 'mosquitto.conf'), 'utf8')
    .split('\n')
    .filter((line) => /^(allow_anonymous|password_file|acl_file)/.test(line))
    .map((line) => line.replace('/mosquitto/config/', '{folder}/'))
  expect(config).toHaveLength(3)
  const broker = await startMosquitto({
    config,
    prepare: (folder) => {
      writeFileSync(join(folder, 'mosquitto.acl'), readFileSync(join(DEPLOY, 'mosquitto.acl')))
      writeFileSync(join(folder, 'mosquitto.accounts'), readFileSync(join(DEPLOY, 'mosquitto.accounts')))
      for (const account of ['gridtally', 'meter-1', 'meter-2'])
        execFileSync('mosquitto_passwd', ['-b', join(folder, 'mosquitto.accounts'), account, 'secret'], { stdio: 'pipe' })
    },
  })
  onTestFinished(() => broker.destroy())
  const as = async (username: string) => {
    const client = await connectAsync(broker.url, { username, password: 'secret' })
    onTestFinished(() => client.endAsync(true))
    return client
  }
  await expect(connectAsync(broker.url, { reconnectPeriod: 0 })).rejects.toThrow(/not authori[sz]ed/i)
  const gateway = await as('gridtally')
  const heard: string[] = []
  gateway.on('message', (topic) => heard.push(topic))
  await gateway.subscribeAsync(['site/+/json', 'tele/+/SENSOR', '+/events/rpc', '/gw/#'], { qos: 1 })
  const [one, two] = [await as('meter-1'), await as('meter-2')]
  for (const topic of ['site/meter-2/json', 'tele/meter-2/SENSOR', 'meter-2/events/rpc', '/gw/acrelHW/adw300/data/meter-2'])
    await one.publishAsync(topic, '{}', { qos: 1 })
  for (const topic of ['site/meter-2/json', 'tele/meter-2/SENSOR', 'meter-2/events/rpc', '/gw/acrelHW/adw300/data/meter-2'])
    await two.publishAsync(topic, '{}', { qos: 1 })
  await two.publishAsync('site/meter-2/json', 'end', { qos: 1 })
  await expect.poll(() => heard.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(5)
  expect(heard).toEqual([
    'site/meter-2/json',
    'tele/meter-2/SENSOR',
    'meter-2/events/rpc',
    '/gw/acrelHW/adw300/data/meter-2',
    'site/meter-2/json',
  ])
  await gateway.publishAsync('/server/acrelHW/adw300/login/meter-1', '{}', { qos: 1 })
})
