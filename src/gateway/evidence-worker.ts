/** Entry of the thread that keeps what readings rest on. It puts secrets out of frames itself: taking frames apart is work. */
import { parentPort, workerData } from 'node:worker_threads'
import { EvidenceFile, type EvidenceSettings, evidenceHandlers, serveEvidence } from '../evidence/index.ts'
import { withoutSecrets } from './evidence-clean.ts'

export interface EvidenceWorkerData {
  readonly directory: string
  readonly settings: EvidenceSettings
}

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const { directory, settings }: EvidenceWorkerData = workerData

serveEvidence(port, () => evidenceHandlers(new EvidenceFile(directory, settings, Date.now), withoutSecrets))
