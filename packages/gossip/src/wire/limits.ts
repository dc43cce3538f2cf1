const KIB = 1024;
const MIB = 1024 * KIB;

/** Longest user state, and longest user message in a stream. */
export const STATE_LIMIT = 20 * MIB;

/** Longest stream as it travels: a state or a user message, and room for the headers around it. */
export const STREAM_LIMIT = STATE_LIMIT + 64 * KIB;

/** Longest message of a stream when it is expanded: a list of nodes and a user state. */
export const EXPANDED_STREAM_LIMIT = 40 * MIB;

/** Most nodes in one state. */
export const NODES_LIMIT = 1_048_576;

/**
 * Fewest bytes that a node can have in a state: name, address, port and versions have more. So a count is not believed
 * that the bytes that follow cannot hold.
 */
export const NODE_BYTES = 32;

/** Longest datagram there is. */
export const PACKET_LIMIT = 64 * KIB;

/** What all compressed parts of one packet may expand to together: a sender has at most a packet of it, uncompressed. */
export const EXPANDED_PACKET_LIMIT = 256 * KIB;

/** Most parts that one compound can count. */
export const COMPOUND_LIMIT = 255;

/** Most messages in one packet, over all compounds in it. */
export const PACKET_PARTS_LIMIT = 1024;

/** How many compounds and compressions may be inside one another. */
export const NESTING_LIMIT = 8;
