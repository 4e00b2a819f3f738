{{/*
Name of every object of this chart. The ingress chart routes to the Service by this name, so values.yaml
fixes it instead of deriving it from the release.
*/}}
{{- define "plate-web.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Labels that never change during the life of a Deployment: its selector is immutable. */}}
{{- define "plate-web.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "plate-web.imageTag" -}}
{{- .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "plate-web.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{ include "plate-web.selectorLabels" . }}
app.kubernetes.io/version: {{ include "plate-web.imageTag" . | quote }}
app.kubernetes.io/part-of: plate
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
