namespace Aperture.Tasks;

/// <summary>Calls of a face generator.</summary>
public static class FaceGeneratorCalls
{
    /// <summary>Makes the face that a sentence describes, seen from straight ahead.</summary>
    /// <param name="generator">The generator.</param>
    /// <param name="text">The sentence.</param>
    /// <param name="seed">Seed of all that is drawn; null for the model's default.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <exception cref="ApertureException">The sentence is empty or too long for the model.</exception>
    public static TaskResult<FaceView> Generate(
        this OpenTask<IFaceGenerator> generator, string text, long? seed = null, TaskCall? call = null, CancellationToken cancellationToken = default)
        => generator.Generate(new FaceRequest { Text = text, Seed = seed }, call, cancellationToken).Select(views => views[0]);

    /// <summary>Makes a face, changes it where asked, and shows it from the points asked for.</summary>
    /// <param name="generator">The generator.</param>
    /// <param name="request">The face.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>View by view its pictures.</returns>
    /// <exception cref="ApertureException">A sentence or number is not one that the model takes.</exception>
    public static TaskResult<IReadOnlyList<FaceView>> Generate(
        this OpenTask<IFaceGenerator> generator, FaceRequest request, TaskCall? call = null, CancellationToken cancellationToken = default)
        => generator.Run(
            (model, run) =>
            {
                TaskInput.Sentence(request.Text, nameof(FaceRequest.Text));
                TaskInput.Some(request.Views, "views");
                foreach (ViewPoint view in request.Views.Where(view => !double.IsFinite(view.Yaw + view.Pitch + view.Roll)))
                {
                    throw new ApertureException($"The view of yaw {view.Yaw}, pitch {view.Pitch}, roll {view.Roll} is nowhere; give finite angles in radians.");
                }

                return request.EditAlpha is not null && request.EditText is null
                    ? throw new ApertureException($"EditAlpha is {request.EditAlpha} but there is no EditText; give the sentence to change the face to.")
                    : model.Generate(request, run);
            },
            call,
            cancellationToken);
}
