package main

import (
	"fmt"
	"io"
	"sync"

	"github.com/go-logr/logr"
	"github.com/sirupsen/logrus"
	"k8s.io/klog/v2"
)

// Argo CD skips what it cannot do, and tells only its log: an ignore rule that fails, a three-way comparison that falls
// back to a two-way one. The journal keeps these lines, so that an answer tells why it is what it is.
type recorder struct {
	mutex sync.Mutex
	lines []string
}

var journal = recordLogs()

func recordLogs() *recorder {
	kept := &recorder{}
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.DebugLevel)
	logrus.AddHook(kept)
	klog.SetLogger(logr.Discard())
	return kept
}

func (r *recorder) begin() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.lines = []string{}
}

func (r *recorder) end() []string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.lines
}

func (r *recorder) add(line string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.lines = append(r.lines, line)
}

// The journal as a hook of logrus, which most of Argo CD logs with.

func (r *recorder) Levels() []logrus.Level { return logrus.AllLevels }

func (r *recorder) Fire(entry *logrus.Entry) error {
	r.add(entry.Message)
	return nil
}

// The journal as a sink of logr, which the engine logs with.

func (r *recorder) Init(logr.RuntimeInfo) {}

func (r *recorder) Enabled(level int) bool { return level <= 1 }

func (r *recorder) Info(_ int, message string, _ ...any) { r.add(message) }

func (r *recorder) Error(err error, message string, _ ...any) {
	r.add(fmt.Sprintf("%s: %v", message, err))
}

func (r *recorder) WithValues(...any) logr.LogSink { return r }

func (r *recorder) WithName(string) logr.LogSink { return r }
