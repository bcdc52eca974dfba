import { openInfluxStore } from '../../src/store/influx/index.ts'
import { startInfluxd } from '../support/influxd.ts'
import { storeContract } from './contract.ts'
import { scanContract } from './scan-contract.ts'

const open = async () => {
  const server = await startInfluxd()
  const opened = await openInfluxStore({ url: server.url, version: 'v1', database: 'contract', createDatabase: true })
  if (!opened.ok) throw new Error(opened.error.message)
  const store = opened.value
  return {
    sink: store,
    store,
    close: async () => {
      await store.close()
      await server.destroy()
    },
  }
}
const can = { exact: false, reasons: false, subSecond: true, retention: false }

storeContract('InfluxDB 1.6', open, can)
scanContract('InfluxDB 1.6', open, can)
