/** What `limitConnections` says of a connection that the platform would let wait. */
export const seventh = 'a seventh connection of one invocation'
