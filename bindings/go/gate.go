package kms

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// gate lets calls through until it is shut, and knows when the last of them has left.
//
// An RWMutex would do, but all readers of one write the same cache line: on two threads it lets fewer calls through
// than on one. Here goroutines count on stripes of their own; only shutting looks at all of them.
type gate struct {
	closing atomic.Bool
	stripes []stripe
	shift   int
	// left wakes shut: one token, since what it says is "look again".
	left chan struct{}
}

// stripe counts the calls in flight of the goroutines that hash to it. Two cache lines long, because processors fetch
// lines in pairs.
type stripe struct {
	inFlight atomic.Int64
	_        [120]byte
}

// newGate makes a gate for about as many calls at once as there are threads: with eight stripes for each, two
// goroutines that run at once rarely share one.
func newGate(threads int) gate {
	log := bits.Len(uint(threads*8 - 1))
	return gate{stripes: make([]stripe, 1<<log), shift: 64 - log, left: make(chan struct{}, 1)}
}

// enter lets a call through; nil: the gate is shut. What it returns goes to leave.
func (g *gate) enter() *stripe {
	if g.closing.Load() {
		return nil
	}
	return g.count()
}

// count counts a call, unless the gate was shut since enter looked.
func (g *gate) count() *stripe {
	// A goroutine is told by where its stack is: stacks start at 2 KiB, so no two share the bits above. Should it move
	// between two calls nothing is lost, as the stripe is kept for leave. The factor is 2^64 / golden ratio.
	var here byte
	hash := uint64(uintptr(unsafe.Pointer(&here))>>11) * 0x9E3779B97F4A7C15
	s := &g.stripes[hash>>g.shift]
	s.inFlight.Add(1)
	// Again, now that the call is counted: either this sees closing, or shut sees the count.
	if g.closing.Load() {
		g.leave(s)
		return nil
	}
	return s
}

func (g *gate) leave(s *stripe) {
	if s.inFlight.Add(-1) == 0 && g.closing.Load() {
		select {
		case g.left <- struct{}{}:
		default: // a token that shut has not taken yet says the same
		}
	}
}

// shut lets no further call through, and returns when the last has left. Only one goroutine may call it.
func (g *gate) shut() {
	g.closing.Store(true)
	for i := range g.stripes {
		for g.stripes[i].inFlight.Load() != 0 {
			<-g.left
		}
	}
}
