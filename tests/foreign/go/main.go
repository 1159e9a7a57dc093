// A ledger of lines in a directory of the host's. See wit/ledger.wit.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"strings"
	"sync"
	"time"
	"unsafe"
)

//go:wasmimport golem:api/host@0.2.0 get-oplog-index
func getOplogIndex() uint64

//go:wasmimport golem:api/host@0.2.0 set-oplog-index
func setOplogIndex(index uint64)

//go:wasmimport golem:api/host@0.2.0 oplog-commit
func oplogCommit(replicas uint32)

//go:wasmimport golem:api/host@0.2.0 mark-begin-operation
func markBeginOperation() uint64

//go:wasmimport golem:api/host@0.2.0 mark-end-operation
func markEndOperation(begin uint64)

//go:linkname sbrk runtime.sbrk
func sbrk(size uintptr) unsafe.Pointer

// The adapter to WASI 0.2 asks for its own memory, before Go's allocator is there and past which it must not go.
//
//go:wasmexport cabi_realloc
func realloc(_ unsafe.Pointer, _, align, size uintptr) unsafe.Pointer {
	start := sbrk(size + align)
	return unsafe.Add(start, (align-uintptr(start)%align)%align)
}

const ledger = "/out/ledger"

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func write(path string, line string) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	check(err)
	_, err = file.WriteString(line + "\n")
	check(err)
	check(file.Close())
}

func lines(path string) uint32 {
	content, err := os.ReadFile(path)
	check(err)
	return uint32(strings.Count(string(content), "\n"))
}

//go:wasmexport book
func book(amount uint32) uint32 {
	fmt.Println("booking", amount)
	begin := markBeginOperation()
	write(ledger, "debit")
	write(ledger, "credit")
	markEndOperation(begin)
	oplogCommit(1)
	time.Sleep(time.Minute)
	write(ledger, "done")
	return amount
}

//go:wasmexport attempts
func attempts() uint32 {
	start := getOplogIndex()
	write(ledger, "try")
	found := lines(ledger)
	if found < 3 {
		setOplogIndex(start)
	}
	return found
}

//go:wasmexport nap
func nap(ms uint64) uint64 {
	start := time.Now()
	var all sync.WaitGroup
	for part := uint64(1); part <= 3; part++ {
		all.Add(1)
		go func() {
			defer all.Done()
			time.Sleep(time.Duration(ms/part) * time.Millisecond)
			fmt.Println("slept a part of", part)
		}()
	}
	all.Wait()
	return uint64(time.Since(start).Milliseconds())
}

//go:wasmexport draw
func draw() uint64 {
	seen := uint64(0)
	for key := range map[uint64]bool{2: true, 3: true, 5: true, 7: true} {
		seen = seen*10 + key
	}
	return (rand.Uint64() ^ uint64(time.Now().UnixNano())) + seen
}

//go:wasmexport grow
func grow() uint32 {
	write("/own", "")
	return lines("/own")
}

func deeper(n int) int {
	return deeper(n+1) + 1
}

//go:wasmexport fails
func fails(how uint32) {
	fmt.Println("about to fail")
	switch how {
	case 0:
		panic("no such account")
	case 1:
		os.Exit(3)
	case 2:
		var kept [][]byte
		for {
			kept = append(kept, make([]byte, 1<<20))
		}
	case 3:
		fmt.Println(deeper(0))
	default:
		<-make(chan bool)
	}
}

func main() {}
