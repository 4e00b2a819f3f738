{{- define "openbao-secrets-manager.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: plate
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/*
Strategies of a remoteRef, spelled out although they are the defaults of the CRD: it writes them into the live
list, Argo CD compares lists as a whole, and an ExternalSecret without them is OutOfSync for ever.
*/}}
{{- define "openbao-secrets-manager.remoteRefStrategies" -}}
conversionStrategy: Default
decodingStrategy: None
metadataPolicy: None
{{- end }}
