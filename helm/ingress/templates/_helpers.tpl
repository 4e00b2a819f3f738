{{/* Prefix of every Ingress: the product's name where the Application gives one, else the release. */}}
{{- define "ingress.appName" -}}
{{- .Values.appName | default .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "ingress.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ include "ingress.appName" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
