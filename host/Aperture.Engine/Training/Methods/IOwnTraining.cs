namespace Aperture.Training;

/// <summary>A training that brings what a plan cannot say: an optimizer, rates and scores of its own. The loop is the same.</summary>
internal interface IOwnTraining : ITraining
{
    /// <summary>What the log shows in the plan's place.</summary>
    string Recipe { get; }

    /// <summary>Steps between two scorings; above 0.</summary>
    int ScoreEvery { get; }

    /// <summary>Makes the optimizer of <see cref="ITraining.Parameters"/>; the loop disposes it.</summary>
    IOptimizer CreateOptimizer();

    /// <summary>The learning rate of a step, in the place of the plan's.</summary>
    /// <param name="step">The step, from 0.</param>
    double RateAt(int step);

    /// <summary>Scores what was trained so far, without changing anything that a step depends on.</summary>
    /// <returns>Named numbers for the log.</returns>
    IReadOnlyDictionary<string, double> Score();
}
