// `sluiceway`: turns a config into the handlers and Durable Object classes of a Worker, for an entry file of one's own.
// src/index.ts is the entry that serves everybody else.
export { sluiceway, type Sluiceway } from '../worker.ts'
