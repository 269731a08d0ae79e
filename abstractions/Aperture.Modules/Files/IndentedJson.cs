using System.Text;
using System.Text.Json;

namespace Aperture.Files;

/// <summary>Documents that people read too.</summary>
public static class IndentedJson
{
    /// <summary>The text of a document.</summary>
    /// <param name="write">Writes its one value.</param>
    public static string Write(Action<Utf8JsonWriter> write)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true }))
        {
            write(json);
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
