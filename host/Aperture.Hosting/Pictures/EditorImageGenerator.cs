using Aperture.Images;
using Aperture.Tasks;
using Microsoft.Extensions.AI;

namespace Aperture.Hosting.Pictures;

/// <summary>
/// An image editor as an image generator: changes the one picture of a request as its prompt says. <c>Seed</c>, <c>Steps</c>, <c>Strength</c>,
/// <c>Guidance</c> and <c>Source</c> of <see cref="EditRequest"/> may stand in the additional properties; the pictures of a request for several have seeds
/// that follow each other.
/// </summary>
/// <param name="editor">The editor; disposed with this.</param>
public sealed class EditorImageGenerator(OpenTask<IImageEditor> editor) : IImageGenerator
{
    private readonly ImageGeneratorMetadata _metadata = new("aperture", null, editor.Architecture);

    /// <inheritdoc/>
    /// <exception cref="ApertureException">The request has no sentence, not one picture, or numbers that the model does not take.</exception>
    public async Task<ImageGenerationResponse> GenerateAsync(
        ImageGenerationRequest request, ImageGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        DataContent[] given = [.. (request.OriginalImages ?? []).OfType<DataContent>()];
        Image picture = given.Length == 1
            ? Image.Decode(given[0].Data.Span, given[0].Name ?? "(the picture of the request)")
            : throw new ApertureException($"The editor changes one picture, and the request has {given.Length} as DataContent; put one into OriginalImages.");
        EditRequest wanted = new()
        {
            Target = request.Prompt ?? "",
            Source = PictureSettings.Text(options, nameof(EditRequest.Source)),
            Steps = (int?)PictureSettings.Whole(options, nameof(EditRequest.Steps)),
            Strength = PictureSettings.Number(options, nameof(EditRequest.Strength)),
            Guidance = PictureSettings.Number(options, nameof(EditRequest.Guidance)),
        };
        return await PictureSettings.Make(
            options, PictureSettings.Whole(options, nameof(EditRequest.Seed)),
            seed => editor.Edit(picture, wanted with { Seed = seed }, null, cancellationToken).Value.Picture!, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        object[] offered = [this, _metadata, editor];
        return serviceKey is null ? Array.Find(offered, serviceType.IsInstanceOfType) : null;
    }

    /// <summary>Disposes the editor.</summary>
    public void Dispose() => editor.Dispose();
}
