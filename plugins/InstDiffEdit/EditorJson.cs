using System.Text.Json.Serialization;

namespace Aperture.Plugins.InstDiffEdit;

/// <summary>JSON of the editor's options; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(EditorOptions))]
internal sealed partial class EditorJson : JsonSerializerContext;
